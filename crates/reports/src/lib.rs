//! Delivery status notifications.
