//! The output: what is about to happen, and the outcome.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use fairsplit::Count;

use crate::Failure;
use crate::shop::{Place, Shop, Totals};
use crate::traffic::Source;

/// Whether the counters hold what was reported as counted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    NothingLost,
    Differs,
}

pub(crate) fn opening(shop: &Shop, source: &Source, workers: usize) -> io::Result<()> {
    let experiments = shop.places.chunk_by(|one, next| one.experiment == next.experiment).count();
    writeln!(
        io::stdout().lock(),
        "{} flags and {experiments} experiments, evaluated in {}\n{}, on {workers} threads\n",
        shop.flags.len(),
        shop.environment.name(),
        source.describe(),
    )
}

pub(crate) fn closing(
    shop: &Shop,
    all_totals: &[Totals],
    began: Instant,
) -> Result<Verdict, Failure> {
    let mut reported = Totals::new(shop.places.len());
    reported.ended = began;
    for totals in all_totals {
        reported.add(totals);
    }
    let counters: Vec<Count> = shop.places.iter().map(|place| counted(shop, place)).collect();

    let mut out = io::stdout().lock();
    table(&mut out, shop, &counters)?;
    not_counted(&mut out, &reported)?;
    let elapsed = reported.ended.duration_since(began);
    throughput(&mut out, &reported, elapsed)?;
    let verdict = proof(&mut out, shop, &reported.counted, &counters)?;
    results(&mut out, shop, &counters)?;
    writeln!(
        out,
        "\nWhat to try next, after `cargo run --release --example storefront --`:\n  \
         --users FILE       your own user keys, one a line; - is standard input: `seq 100000 | ...`\n  \
         --config FILE      your own experiments; start from a copy of examples/storefront.json\n  \
         --requests 50,000,000\n\
         and with `--features results` before the `--`: what the counts mean"
    )?;
    Ok(verdict)
}

/// What the engine has counted for a variant since the run began: all of it, less what the document
/// carried. A restart does not matter, since "ever" goes on over it.
fn counted(shop: &Shop, place: &Place) -> Count {
    let counts = shop.engine().counts(place.experiment);
    let ever = counts.as_ref().and_then(|counts| counts.variant(&place.variant));
    ever.map(|variant| variant.ever.since(place.carried)).unwrap_or_default()
}

/// The results of the experiment with the most exposures, as an experimenter reads them.
#[cfg(feature = "results")]
fn results(out: &mut impl Write, shop: &Shop, counters: &[Count]) -> Result<(), Failure> {
    let counted = shop.places.iter().zip(counters);
    let most = counted.max_by_key(|(_, count)| count.exposures).map(|(place, _)| place.experiment);
    if let Some(results) = most.and_then(|experiment| shop.engine().results(experiment)) {
        writeln!(out, "\nThe experiment that was exposed most:\n\n{results}\n{}", results.plot())?;
    }
    Ok(())
}

#[cfg(not(feature = "results"))]
#[expect(clippy::unnecessary_wraps, reason = "it writes, with the feature")]
fn results(_: &mut impl Write, _: &Shop, _: &[Count]) -> Result<(), Failure> {
    Ok(())
}

fn table(out: &mut impl Write, shop: &Shop, counters: &[Count]) -> Result<(), Failure> {
    let names = shop.places.iter().map(|place| place.variant.chars().count());
    let width = names.max().unwrap_or_default().max(16);
    writeln!(
        out,
        "\n  {:width$} {:>6} {:>12} {:>12} {:>8} {:>10}   carried from before",
        "variant", "share", "exposures", "conversions", "rate", "true rate",
    )?;
    let rows: Vec<(&Place, Count)> = shop.places.iter().zip(counters.iter().copied()).collect();
    for rows in rows.chunk_by(|(one, _), (next, _)| one.experiment == next.experiment) {
        let Some(experiment) =
            rows.first().and_then(|(p, _)| shop.engine().experiment(p.experiment))
        else {
            continue;
        };
        let (name, environment, status) =
            (experiment.name(), experiment.environment(), experiment.status());
        writeln!(out, "{name} ({environment}, {status})")?;
        for (place, count) in rows {
            writeln!(
                out,
                "  {:width$} {:>4} % {:>12} {:>12} {:>8} {:>10}{}",
                place.variant,
                place.percentage,
                grouped(count.exposures),
                grouped(count.conversions),
                rate(*count),
                percent(place.true_rate),
                carried(place.carried),
            )?;
        }
    }
    writeln!(out, "Counts are of events, not of users.")?;
    Ok(())
}

fn carried(count: Count) -> String {
    match (count.exposures, count.conversions) {
        (0, 0) => String::new(),
        (0, conversions) => format!("   {} conversions", grouped(conversions)),
        (exposures, conversions) => {
            format!("   {} exposures, {} conversions", grouped(exposures), grouped(conversions))
        }
    }
}

fn not_counted(out: &mut impl Write, reported: &Totals) -> io::Result<()> {
    writeln!(out, "\n  {:23} {:>12} {:>12}", "not counted", "evaluations", "conversions")?;
    for (why, count) in &reported.not_counted {
        let (why, evaluations) = (why.replace('_', " "), grouped(count.exposures));
        writeln!(out, "  {why:23} {evaluations:>12} {:>12}", grouped(count.conversions))?;
    }
    if reported.not_counted.is_empty() {
        writeln!(out, "  nothing")?;
    }
    Ok(())
}

fn throughput(out: &mut impl Write, reported: &Totals, elapsed: Duration) -> io::Result<()> {
    writeln!(
        out,
        "\n{} requests, {} of them without a user key, in {:.2} s: {} evaluations, {} per second\n\
         over all threads, with the shop's own work.",
        grouped(reported.requests),
        grouped(reported.anonymous),
        elapsed.as_secs_f64(),
        grouped(reported.evaluations),
        grouped(per_second(reported.evaluations, elapsed)),
    )
}

/// Compares what the engine reported to the workers with its counters.
fn proof(
    out: &mut impl Write,
    shop: &Shop,
    reported: &[Count],
    counters: &[Count],
) -> io::Result<Verdict> {
    writeln!(out, "\nEvery worker kept its own record of what the engine reported as counted:")?;
    for (what, of) in [
        ("exposures", (|count| count.exposures) as fn(&Count) -> u64),
        ("conversions", |count| count.conversions),
    ] {
        let said: u64 = reported.iter().map(of).sum();
        let held: u64 = counters.iter().map(of).sum();
        let (lost, invented) = (said.saturating_sub(held), held.saturating_sub(said));
        write!(
            out,
            "  {:33}{:>12}; in the counters: {:>12}; lost {}",
            format!("{what} reported as counted:"),
            grouped(said),
            grouped(held),
            grouped(lost),
        )?;
        if invented > 0 {
            write!(out, "; {} too many", grouped(invented))?;
        }
        writeln!(out)?;
    }
    // The sums might agree by chance; every single counter has to.
    let mut verdict = Verdict::NothingLost;
    for (place, (said, held)) in shop.places.iter().zip(reported.iter().zip(counters)) {
        if said != held {
            verdict = Verdict::Differs;
            let Place { experiment, variant, .. } = place;
            writeln!(out, "  {experiment} {variant}: reported {said:?}, in the counters {held:?}")?;
        }
    }
    if let Some(nowhere) = reported.last().filter(|count| **count != Count::default()) {
        verdict = Verdict::Differs;
        writeln!(out, "  for no variant of the document: reported {nowhere:?}")?;
    }
    Ok(verdict)
}

fn rate(count: Count) -> String {
    let hundredths = count.conversions.saturating_mul(10_000).saturating_add(count.exposures / 2);
    hundredths.checked_div(count.exposures).map_or("-".to_owned(), percent)
}

/// Hundredths of a per cent.
fn percent(hundredths: u64) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

pub(crate) fn per_second(count: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / elapsed.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// A number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
