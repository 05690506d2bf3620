//! What an evaluation part by part promises: it gives what an evaluation of everything gives, after any change, and a change
//! evaluates nothing but what it touches.

mod facts;
mod parts;
mod touched;
