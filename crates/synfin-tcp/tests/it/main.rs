//! Two endpoints over a link, in virtual time.

#[cfg(test)]
mod figures;
#[cfg(test)]
mod link;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod world;
