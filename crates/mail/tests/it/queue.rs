//! The queue between servers of a small virtual internet, and on a real disk.

mod kills;
mod oddities;
mod resolvers;
mod straight;
mod travel;
mod world;
