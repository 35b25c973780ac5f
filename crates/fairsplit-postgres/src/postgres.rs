//! The database of a fleet: the protocol's statements on a connection.

use std::time::Duration;

use fairsplit::ExperimentId;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::cells::{Cell, Cells, Key};
use crate::connection::Connection;
use crate::error::FleetError;
use crate::ledger::{Answer, Flush, Ledger, Said};
use crate::schema::{self, Schema};
use crate::statements::{FLUSH, FOLD, READ, VERSION};

/// A ledger in PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres {
    connection: Connection,
    schema: Schema,
    /// What operators call the process.
    label: String,
    is_checked: bool,
}

impl Postgres {
    pub(crate) fn new(connection: Connection, schema: Schema, label: String) -> Postgres {
        Postgres { connection, schema, label, is_checked: false }
    }

    /// Refuses the tables of another release, once.
    fn check(&mut self) -> Result<(), FleetError> {
        if self.is_checked {
            return Ok(());
        }
        let rows = self.connection.query(&self.schema.statement(VERSION), &[])?;
        let found = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        if found != schema::VERSION {
            let (schema, needed) = (self.schema.name().to_owned(), schema::VERSION);
            return Err(FleetError::Version { schema, found, needed });
        }
        self.is_checked = true;
        Ok(())
    }
}

impl Ledger for Postgres {
    type Error = FleetError;

    fn flush(&mut self, flush: &Flush) -> Result<Answer, FleetError> {
        self.check()?;
        let said = match flush.state {
            Said::Open => "open",
            Said::Superseded => "superseded",
            Said::Closed => "closed",
        };
        let columns = Columns::of(&flush.cells);
        let (counts, goals) = (&columns.counts, &columns.goals);
        let place = flush.place();
        let rows = self.connection.query(
            &self.schema.statement(FLUSH),
            &[
                (&flush.life, Type::UUID),
                (&self.label, Type::TEXT),
                (&flush.is_durable, Type::BOOL),
                (&place, Type::INT8),
                (&flush.acknowledged, Type::INT8),
                (&flush.is_whole, Type::BOOL),
                (&said, Type::TEXT),
                (&counts.experiments, Type::UUID_ARRAY),
                (&counts.runs, Type::INT4_ARRAY),
                (&counts.variants, Type::INT2_ARRAY),
                (&counts.first, Type::INT8_ARRAY),
                (&counts.second, Type::INT8_ARRAY),
                (&goals.experiments, Type::UUID_ARRAY),
                (&goals.runs, Type::INT4_ARRAY),
                (&goals.variants, Type::INT2_ARRAY),
                (&columns.keys, Type::TEXT_ARRAY),
                (&goals.first, Type::INT8_ARRAY),
                (&goals.second, Type::INT8_ARRAY),
                (&goals.third, Type::INT8_ARRAY),
            ],
        )?;
        match rows.first() {
            Some(row) => Ok(Answer::Accepted { is_behind: row.try_get(0)? }),
            None => Ok(Answer::Refused),
        }
    }

    fn fold(&mut self, grace: Duration) -> Result<u64, FleetError> {
        self.check()?;
        let seconds = grace.as_secs_f64();
        let statement = self.schema.statement(FOLD);
        let rows = self.connection.query(&statement, &[(&seconds, Type::FLOAT8)])?;
        let folded: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(u64::try_from(folded).unwrap_or_default())
    }

    fn read(&mut self, experiment: ExperimentId) -> Result<Cells, FleetError> {
        self.check()?;
        let id = Uuid::from_bytes(experiment.to_bytes());
        let rows = self.connection.query(&self.schema.statement(READ), &[(&id, Type::UUID)])?;
        let mut cells = Cells::default();
        for row in rows {
            let (key, cell) = cell_of(&row, experiment)?;
            cells.add(key, cell);
        }
        Ok(cells)
    }
}

fn cell_of(row: &Row, experiment: ExperimentId) -> Result<(Key, Cell), FleetError> {
    let (run, variant): (i32, i16) = (row.try_get(0)?, row.try_get(1)?);
    let goal: Option<&str> = row.try_get(2)?;
    let number = |at| row.try_get(at).map(|number: i64| u64::try_from(number).unwrap_or_default());
    let key = Key {
        experiment,
        run: u32::try_from(run).unwrap_or_default(),
        variant: u16::try_from(variant).unwrap_or_default(),
        goal: goal.map(Into::into),
    };
    Ok((key, Cell([number(3)?, number(4)?, number(5)?])))
}

/// Cells as arrays, since one statement has any number of them.
#[derive(Default)]
struct Columns {
    counts: Numbers,
    goals: Numbers,
    /// The goals' keys.
    keys: Vec<String>,
}

#[derive(Default)]
struct Numbers {
    experiments: Vec<Uuid>,
    runs: Vec<i32>,
    variants: Vec<i16>,
    first: Vec<i64>,
    second: Vec<i64>,
    third: Vec<i64>,
}

impl Columns {
    fn of(cells: &Cells) -> Columns {
        let mut columns = Columns::default();
        for (key, Cell([first, second, third])) in cells.iter() {
            let numbers = match &key.goal {
                None => &mut columns.counts,
                Some(goal) => {
                    columns.keys.push((**goal).to_owned());
                    &mut columns.goals
                }
            };
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            numbers.experiments.push(Uuid::from_bytes(key.experiment.to_bytes()));
            numbers.runs.push(i32::try_from(key.run).unwrap_or(i32::MAX));
            numbers.variants.push(i16::try_from(key.variant).unwrap_or(i16::MAX));
            numbers.first.push(number(first));
            numbers.second.push(number(second));
            numbers.third.push(number(third));
        }
        columns
    }
}
