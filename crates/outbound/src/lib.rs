//! Routes, connections, delivery and the retry schedule.
