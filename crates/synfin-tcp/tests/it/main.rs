//! Endpoints in virtual time: two of them over a link, or one against a peer of which every segment is written by hand.

#[cfg(test)]
mod checklist;
#[cfg(test)]
mod companions;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod interface;
#[cfg(test)]
mod link;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod protection;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod world;
