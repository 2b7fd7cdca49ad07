//! Messages out of whole conversations: made up by rule, made of garbage, and captured.

mod captures;
mod damage;
mod exchange;
mod hostile;
mod wire;
