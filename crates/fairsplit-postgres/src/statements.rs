//! The statements of the protocol, for the schema `fairsplit`.

/// Heartbeat and counts of a life, in one statement, so that no transaction is left open. Whether the
/// life was folded is decided under the lock of its row, which a fold takes too; then there is no row
/// in the answer.
pub(crate) const FLUSH: &str = "
WITH me AS (
  INSERT INTO fairsplit.lives AS l (id, label, durable, flush, behind, state)
  VALUES ($1, $2, $3, $4, NOT $6 AND $5 > 0, $7)
  ON CONFLICT (id) DO UPDATE SET
    seen_at = now(),
    behind = CASE WHEN $6 AND excluded.flush > l.flush THEN false
      ELSE l.behind OR (NOT $6 AND l.flush < $5) END,
    flush = GREATEST(l.flush, excluded.flush),
    state = CASE WHEN l.state = 'closed' OR excluded.state = 'open' THEN l.state ELSE excluded.state END
  WHERE l.state <> 'folded'
  RETURNING number, behind),
put AS (
  INSERT INTO fairsplit.counts AS c (experiment, run, variant, life, exposures, conversions)
  SELECT t.experiment, t.run, t.variant, me.number, t.exposures, t.conversions
  FROM me, unnest($8::uuid[], $9::integer[], $10::smallint[], $11::bigint[], $12::bigint[])
    AS t (experiment, run, variant, exposures, conversions)
  ON CONFLICT (experiment, run, variant, life) DO UPDATE SET
    exposures = GREATEST(c.exposures, excluded.exposures),
    conversions = GREATEST(c.conversions, excluded.conversions)),
put_goals AS (
  INSERT INTO fairsplit.goal_counts AS c (experiment, run, variant, goal, life, events, gained, lost)
  SELECT t.experiment, t.run, t.variant, t.goal, me.number, t.events, t.gained, t.lost
  FROM me, unnest($13::uuid[], $14::integer[], $15::smallint[], $16::text[], $17::bigint[],
      $18::bigint[], $19::bigint[])
    AS t (experiment, run, variant, goal, events, gained, lost)
  ON CONFLICT (experiment, run, variant, goal, life) DO UPDATE SET
    events = GREATEST(c.events, excluded.events),
    gained = GREATEST(c.gained, excluded.gained),
    lost = GREATEST(c.lost, excluded.lost))
SELECT behind FROM me";

/// Adds lives that are over to the base. A life that another process folds at this moment is left to
/// it.
pub(crate) const FOLD: &str = "
WITH dead AS (
  SELECT number FROM fairsplit.lives
  WHERE state = 'closed'
    OR (seen_at < now() - make_interval(secs => $1)
      AND (state = 'superseded' OR (state = 'open' AND NOT durable)))
  ORDER BY number LIMIT 50 FOR UPDATE SKIP LOCKED),
gone AS (
  DELETE FROM fairsplit.counts c USING dead WHERE c.life = dead.number
  RETURNING c.experiment, c.run, c.variant, c.exposures, c.conversions),
gone_goals AS (
  DELETE FROM fairsplit.goal_counts c USING dead WHERE c.life = dead.number
  RETURNING c.experiment, c.run, c.variant, c.goal, c.events, c.gained, c.lost),
base AS (
  INSERT INTO fairsplit.counts AS c (experiment, run, variant, life, exposures, conversions)
  SELECT experiment, run, variant, 0, LEAST(sum(exposures), 9223372036854775807)::bigint,
    LEAST(sum(conversions), 9223372036854775807)::bigint
  FROM gone GROUP BY experiment, run, variant ORDER BY experiment, run, variant
  ON CONFLICT (experiment, run, variant, life) DO UPDATE SET
    exposures = LEAST(c.exposures::numeric + excluded.exposures, 9223372036854775807)::bigint,
    conversions = LEAST(c.conversions::numeric + excluded.conversions, 9223372036854775807)::bigint),
base_goals AS (
  INSERT INTO fairsplit.goal_counts AS c (experiment, run, variant, goal, life, events, gained, lost)
  SELECT experiment, run, variant, goal, 0, LEAST(sum(events), 9223372036854775807)::bigint,
    LEAST(sum(gained), 9223372036854775807)::bigint, LEAST(sum(lost), 9223372036854775807)::bigint
  FROM gone_goals GROUP BY experiment, run, variant, goal ORDER BY experiment, run, variant, goal
  ON CONFLICT (experiment, run, variant, goal, life) DO UPDATE SET
    events = LEAST(c.events::numeric + excluded.events, 9223372036854775807)::bigint,
    gained = LEAST(c.gained::numeric + excluded.gained, 9223372036854775807)::bigint,
    lost = LEAST(c.lost::numeric + excluded.lost, 9223372036854775807)::bigint),
done AS (
  UPDATE fairsplit.lives SET state = 'folded' WHERE number IN (SELECT number FROM dead) RETURNING 1)
SELECT count(*) FROM done";

/// What all lives have counted for an experiment, at one moment.
pub(crate) const READ: &str = "
SELECT run, variant, NULL::text, exposures, conversions, 0::bigint
FROM fairsplit.totals WHERE experiment = $1
UNION ALL
SELECT run, variant, goal, events, gained, lost
FROM fairsplit.goal_totals WHERE experiment = $1";

/// Which schema is there.
pub(crate) const VERSION: &str = "SELECT schema_version FROM fairsplit.fleet";
