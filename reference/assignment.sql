-- Assignment v1: which variant of each experiment each user is in.
--
-- experiments(id, seed)                            the seed is XXH3 of the id's 16 bytes, as an unsigned number
-- variants(experiment, position, cumulative)       percentages, summed up to and with the variant's own
-- users(experiment, user_key)
-- xxh3_seeded(text, seed)                          XXH3 of 64 bits of the text's UTF-8 bytes, as an unsigned number
--
-- A bucket is floor(hash * 100 / 2^64). It is not divided here, because a database may divide decimals as
-- floating-point numbers: hash * 100 < cumulative * 2^64 says the same, and is exact in 128 bits.
SELECT users.experiment,
       users.user_key,
       MIN(variants.position) AS variant
FROM users
JOIN experiments ON experiments.id = users.experiment
JOIN variants ON variants.experiment = users.experiment
 AND CAST(xxh3_seeded(users.user_key, experiments.seed) AS HUGEINT) * 100
   < CAST(variants.cumulative AS HUGEINT) * CAST(18446744073709551616 AS HUGEINT)
WHERE users.user_key <> '' -- the empty key is nobody
GROUP BY users.experiment, users.user_key
