//! What the types promise at compile time, and their sizes.

use std::fmt::Debug;

use fairsplit::assign::{Allocation, Assignment, Bucket, Seed};
use fairsplit::clock::SystemClock;
use fairsplit::error::{ControlError, LoadError, ValidationError};
use fairsplit::typed::Typed;
use fairsplit::{
    Conversion, Counts, Engine, Environment, Error, Evaluation, Experiment, ExperimentId,
    Explanation, Flag, FlagHandle, FlagId, NewExperiment, NewFlag, Outcome, Reader, Reason,
    Snapshot, Timestamp, TypedReader, Variant, View,
};

fn shared<T: Send + Sync + Debug + 'static>() {}

#[test]
fn every_type_can_be_shared_by_threads_and_debugged() {
    shared::<Engine>();
    shared::<FlagHandle>();
    shared::<View>();
    shared::<Reader>();
    shared::<Snapshot>();
    shared::<Evaluation>();
    shared::<Evaluation<&'static Snapshot>>();
    shared::<Conversion>();
    shared::<Conversion<&'static Snapshot>>();
    shared::<Explanation>();
    shared::<TypedReader<String>>();
    shared::<Typed<'static, String>>();
    shared::<Counts>();
    shared::<(Flag, NewFlag, FlagId, Experiment, NewExperiment, ExperimentId, Variant)>();
    shared::<(Environment, Timestamp, SystemClock, Reason, Outcome)>();
    shared::<(Seed, Bucket, Allocation, Assignment)>();
    shared::<(Error, LoadError, ValidationError)>();
}

fn cheap<T: Clone>() {}

#[test]
fn handles_readers_and_environments_can_be_cloned() {
    cheap::<Engine>();
    cheap::<FlagHandle>();
    cheap::<Reader>();
    cheap::<Environment>();
    cheap::<Evaluation<&'static Snapshot>>();
    assert_eq!(size_of::<Engine>(), 3 * size_of::<usize>());
}

#[test]
fn errors_are_small_enough_to_return_by_value() {
    assert!(size_of::<ControlError>() <= 72, "{}", size_of::<ControlError>());
    assert!(size_of::<Error>() <= 96, "{}", size_of::<Error>());
    assert!(size_of::<LoadError>() <= 72, "{}", size_of::<LoadError>());
    assert!(size_of::<Evaluation>() <= 64, "{}", size_of::<Evaluation>());
}

#[test]
fn every_error_type_implements_error() {
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<Error>();
    error::<ControlError>();
    error::<LoadError>();
    error::<ValidationError>();
    error::<fairsplit::error::SyntaxError>();
    error::<fairsplit::error::TransitionError>();
    error::<fairsplit::assign::AllocationError>();
    error::<fairsplit::error::DeserializeError>();
}
