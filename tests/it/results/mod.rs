//! What the counts mean: held against packages that others wrote, against simulation, and against
//! every count that there can be.

mod calibration;
mod laws;
mod means;
mod notes;
mod numbers;
mod oracles;
mod texts;
mod verdicts;
mod watched;
