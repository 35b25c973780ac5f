-- The tables of a fleet. One transaction, behind a lock: PostgreSQL refuses two of these at once.
-- "fairsplit" stands for the name of the schema.

CREATE SCHEMA IF NOT EXISTS fairsplit;

-- One row. Its lock puts changes of the definitions in order: version order is commit order.
CREATE TABLE IF NOT EXISTS fairsplit.fleet (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  schema_version integer NOT NULL,
  version bigint NOT NULL DEFAULT 0,
  token uuid NOT NULL DEFAULT gen_random_uuid());

-- Every change, the first of them at version 0, so that each version has a row.
CREATE TABLE IF NOT EXISTS fairsplit.changes (
  version bigint PRIMARY KEY,
  token uuid NOT NULL UNIQUE,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  life uuid,
  actor text,
  what text NOT NULL,
  before text,
  after text);

-- The definitions, as JSON in text: a jsonb rounds numbers. Nothing is deleted from these tables:
-- who reads what is newer than a version has to see what went. Keys have no unique index: two flags
-- that exchange theirs would hit it, and the row of the fleet orders all changes.
CREATE TABLE IF NOT EXISTS fairsplit.flags (
  id uuid PRIMARY KEY,
  version bigint NOT NULL,
  removed boolean NOT NULL DEFAULT false,
  needs text,
  definition text NOT NULL);
CREATE INDEX IF NOT EXISTS flags_version ON fairsplit.flags (version);

CREATE TABLE IF NOT EXISTS fairsplit.objects (
  kind text NOT NULL CHECK (kind IN ('segment', 'layer', 'holdout', 'goal')),
  id uuid NOT NULL,
  version bigint NOT NULL,
  removed boolean NOT NULL DEFAULT false,
  needs text,
  definition text NOT NULL,
  PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS objects_version ON fairsplit.objects (version);

-- Of each experiment what the index of the running ones needs, and what analysts join.
CREATE TABLE IF NOT EXISTS fairsplit.experiments (
  id uuid PRIMARY KEY,
  flag uuid NOT NULL,
  name text NOT NULL,
  environment text NOT NULL,
  running boolean NOT NULL DEFAULT false,
  run integer NOT NULL DEFAULT 0,
  started_at timestamptz,
  removed boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX IF NOT EXISTS experiments_one_running
  ON fairsplit.experiments (flag, environment) WHERE running AND NOT removed;

-- What each source of documents said last.
CREATE TABLE IF NOT EXISTS fairsplit.sources (
  name text PRIMARY KEY,
  revision text,
  applied text NOT NULL);

-- A life is one process from joining to its end. The row stays for ever: if it went, what comes late
-- would begin the life anew, and count twice. seen_at has no index, so that a heartbeat is cheap.
CREATE TABLE IF NOT EXISTS fairsplit.lives (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  label text NOT NULL,
  durable boolean NOT NULL,
  joined_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  -- The token of the definitions that it serves.
  serves uuid,
  -- The number of its newest flush, and whether what it says that was acknowledged is missing here.
  flush bigint NOT NULL,
  behind boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'superseded', 'closed', 'folded'))
) WITH (fillfactor = 70);

-- What each life has counted since it began; life 0 is the sum of those that were folded. Variants
-- by their position, from 0.
CREATE TABLE IF NOT EXISTS fairsplit.counts (
  experiment uuid NOT NULL,
  run integer NOT NULL,
  variant smallint NOT NULL,
  life bigint NOT NULL,
  exposures bigint NOT NULL,
  conversions bigint NOT NULL,
  PRIMARY KEY (experiment, run, variant, life)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS counts_life ON fairsplit.counts (life);

-- The same for goals; values in the goal's minor units.
CREATE TABLE IF NOT EXISTS fairsplit.goal_counts (
  experiment uuid NOT NULL,
  run integer NOT NULL,
  variant smallint NOT NULL,
  goal text NOT NULL,
  life bigint NOT NULL,
  events bigint NOT NULL,
  gained bigint NOT NULL,
  lost bigint NOT NULL,
  PRIMARY KEY (experiment, run, variant, goal, life)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS goal_counts_life ON fairsplit.goal_counts (life);

-- For analysts, who need no right on the tables. A sum stays at the largest number.
CREATE OR REPLACE VIEW fairsplit.totals AS
  SELECT experiment, run, variant,
    LEAST(sum(exposures), 9223372036854775807)::bigint AS exposures,
    LEAST(sum(conversions), 9223372036854775807)::bigint AS conversions
  FROM fairsplit.counts GROUP BY experiment, run, variant;
CREATE OR REPLACE VIEW fairsplit.goal_totals AS
  SELECT experiment, run, variant, goal,
    LEAST(sum(events), 9223372036854775807)::bigint AS events,
    LEAST(sum(gained), 9223372036854775807)::bigint AS gained,
    LEAST(sum(lost), 9223372036854775807)::bigint AS lost
  FROM fairsplit.goal_counts GROUP BY experiment, run, variant, goal;
CREATE OR REPLACE VIEW fairsplit.running AS
  SELECT id AS experiment, flag, name, environment, run, started_at
  FROM fairsplit.experiments WHERE running AND NOT removed;

INSERT INTO fairsplit.fleet (schema_version) VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO fairsplit.changes (version, token, what)
  SELECT version, token, 'init' FROM fairsplit.fleet WHERE version = 0 ON CONFLICT DO NOTHING;
