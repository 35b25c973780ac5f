//! Means: held against figures of other packages, against laws, and against simulation.

mod calibration;
mod gates;
mod guardrails;
mod laws;
mod rows;
