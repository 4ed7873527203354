//! The queue as its users see it: on a disk, through its public face.

mod common;
mod content;
mod crash;
mod damage;
mod life;
mod load;
mod lock;
mod model;
