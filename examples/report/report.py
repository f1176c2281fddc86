"""A delivery report in SQL: reads the topics as they are now into DuckDB, and runs report.sql on them."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

# The columns that report.sql uses. Without this list DuckDB would take them from the records, of which a topic may have none.
TABLES = {
    "results": {"id": "VARCHAR", "status": "VARCHAR", "smsc": "VARCHAR", "error": "VARCHAR", "answered_at": "TIMESTAMPTZ",
                "parts": "STRUCT(part INTEGER, message_id VARCHAR, command_status INTEGER)[]", "metadata": "MAP(VARCHAR, VARCHAR)"},
    "receipts": {"id": "VARCHAR", "part": "INTEGER", "state": "VARCHAR", "final": "BOOLEAN", "correlated": "BOOLEAN", "error": "VARCHAR",
                 "smsc": "VARCHAR", "received_at": "TIMESTAMPTZ", "metadata": "MAP(VARCHAR, VARCHAR)"},
    "inbound": {"id": "VARCHAR", "from": "VARCHAR", "to": "VARCHAR", "text": "VARCHAR", "received_at": "TIMESTAMPTZ",
                "in_reply_to": "STRUCT(id VARCHAR, metadata MAP(VARCHAR, VARCHAR))"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sql", type=Path, default=Path(__file__).with_name("report.sql"), help="queries, each shown as a table")
    parser.add_argument("--database", default=":memory:", help="file that keeps the tables, for more questions")
    args = parser.parse_args()
    database = duckdb.connect(args.database)
    with tempfile.TemporaryDirectory() as folder:
        for table, columns in TABLES.items():
            file = Path(folder, table + ".ndjson")
            count = dump("sms." + table, file)
            spec = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
            database.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM read_json('{file}', format = 'newline_delimited', columns = {{{spec}}})")
            print(f"sms.{table}: {count} records")
    for query in database.extract_statements(args.sql.read_text()):
        database.sql(query.query).show(max_width=160)


def dump(topic: str, file: Path) -> int:
    """Writes the values of a topic, from its start to where it ends now, a line each."""
    consumer = Consumer({
        "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092"),
        "group.id": "report",  # librdkafka wants a name; nothing is committed under it
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",  # results of transactions that were aborted are none
        "reconnect.backoff.ms": 1000,
        "enable.metrics.push": False,
    })
    try:
        metadata = consumer.list_topics(topic, timeout=30).topics[topic]
        if metadata.error is not None:
            raise KafkaException(metadata.error)
        consumer.assign([TopicPartition(topic, p, 0) for p in metadata.partitions])
        count, at_end, deadline = 0, set(), time.monotonic() + 120
        with file.open("wb") as out:
            while len(at_end) < len(metadata.partitions):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{topic} could not be read within two minutes")
                for message in consumer.consume(num_messages=1000, timeout=1):
                    if message.error():
                        if message.error().code() != KafkaError._PARTITION_EOF:
                            raise KafkaException(message.error())
                        at_end.add(message.partition())
                    elif message.partition() not in at_end:  # what came since belongs into the next report
                        out.write(message.value() + b"\n")
                        count += 1
        return count
    finally:
        consumer.close()


if __name__ == "__main__":
    try:
        main()
    except (KafkaException, RuntimeError, duckdb.Error) as error:
        sys.exit(f"report: {error}")
