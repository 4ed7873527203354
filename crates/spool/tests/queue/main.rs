//! The queue as its users see it: on a disk, through its public face.

#[cfg(test)]
mod common;
#[cfg(test)]
mod content;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod life;
#[cfg(test)]
mod load;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod memory_alone;
#[cfg(test)]
mod model;
#[cfg(test)]
mod opening;
