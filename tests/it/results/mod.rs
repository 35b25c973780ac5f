//! What the counts mean: held against packages that others wrote, against simulation, and against
//! every count that there can be.

mod calibration;
mod goals;
mod goals_by_mean;
mod goals_of_engines;
mod laws;
mod means;
mod notes;
mod numbers;
mod oracles;
mod texts;
mod verdicts;
mod watched;
