-- Tables: results, receipts, inbound; report.py says which of the records' fields they have.

-- How each carrier delivers: a message counts as delivered when all of its parts are.
WITH message AS (
    SELECT id, smsc, status, len(parts) AS parts, answered_at FROM results
), delivered AS (
    SELECT id, count(*) FILTER (state = 'DELIVERED') AS parts, max(received_at) AS at FROM receipts WHERE final AND correlated GROUP BY id
)
SELECT smsc AS carrier,
       count(*) AS messages,
       count(*) FILTER (status = 'accepted') AS accepted,
       count(d.id) AS "with receipts", -- not all messages ask for them
       count(*) FILTER (d.parts >= m.parts) AS delivered,
       round(100.0 * count(*) FILTER (d.parts >= m.parts) / nullif(count(d.id), 0), 1) AS "delivered %",
       round(quantile_cont(epoch(d.at - m.answered_at), 0.5) FILTER (d.parts >= m.parts), 1) AS "p50 s",
       round(quantile_cont(epoch(d.at - m.answered_at), 0.99) FILTER (d.parts >= m.parts), 1) AS "p99 s"
FROM message m LEFT JOIN delivered d USING (id)
WHERE smsc IS NOT NULL
GROUP BY smsc ORDER BY smsc;

-- What did not arrive, and why.
SELECT status AS what, left(coalesce(error, ''), 60) AS why, count(*) AS messages FROM results WHERE status <> 'accepted' GROUP BY ALL
UNION ALL
SELECT state, 'network error ' || coalesce(error, 'unknown'), count(DISTINCT id) FROM receipts WHERE final AND state <> 'DELIVERED' GROUP BY ALL
ORDER BY messages DESC, what;

-- What came back, by campaign: replies are joined to the message that they answer.
SELECT coalesce(in_reply_to.metadata['campaign'], '(none)') AS campaign, count(*) AS replies, count(DISTINCT "from") AS people
FROM inbound GROUP BY ALL ORDER BY replies DESC;
