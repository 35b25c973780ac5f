-- Slots: which units are in each range of slots: covered, held out, in a layer's range, or picked by a rule.
--
-- ranges(name, seed, first_slot, end_slot)   half-open, in slots of a thousandth of a per cent. The seed is XXH3 of
--                                            the kind, a zero byte and the id, as an unsigned number. A coverage, a
--                                            holdout and a rule begin at 0; a layer may have several ranges of a name.
-- units(name, unit)                          the user key, or the text of the attribute that bucket_by names
-- xxh3_seeded(text, seed)                    XXH3 of 64 bits of the text's UTF-8 bytes, as an unsigned number
--
-- A slot is floor(hash * 100000 / 2^64). As in assignment.sql it is not divided: the comparisons say the same, and
-- are exact in 128 bits.
SELECT units.name,
       units.unit
FROM units
JOIN ranges ON ranges.name = units.name
 AND CAST(xxh3_seeded(units.unit, ranges.seed) AS HUGEINT) * 100000
  >= CAST(ranges.first_slot AS HUGEINT) * CAST(18446744073709551616 AS HUGEINT)
 AND CAST(xxh3_seeded(units.unit, ranges.seed) AS HUGEINT) * 100000
   < CAST(ranges.end_slot AS HUGEINT) * CAST(18446744073709551616 AS HUGEINT)
WHERE units.unit <> '' -- the empty text is not a unit
