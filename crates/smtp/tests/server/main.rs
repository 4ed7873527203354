//! The receiving session from outside: dialogues, smuggling, and properties that hold for any
//! octets.

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod dialogues;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod script;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod smuggling;
