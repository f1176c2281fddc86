"""SMS voting: asks people for A, B or C and counts the answers while they come.

A vote belongs to the poll by its in_reply_to, not by its text alone, and a person has one: the last counts.
"""

import argparse
import json
import os
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

CHOICES = {"A": "Alpine Echo", "B": "Blue Monday", "C": "Cellar Door"}
QUESTION = "Song of the year: reply A, B or C. VOTE now, it is free."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poll", default=f"song-{int(time.time())}", help="name of the poll")
    parser.add_argument("--voters", type=int, default=200, help="how many people are asked")
    parser.add_argument("--seconds", type=float, default=10, help="how long votes are counted")
    args = parser.parse_args()
    brokers = os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092")
    consumer = at_the_end(brokers, "sms.inbound")  # before the question goes out, so that no answer is missed
    try:
        ask(brokers, args.poll, args.voters)
        count(consumer, args.poll, args.seconds)
    finally:
        consumer.close()


def ask(brokers: str, poll: str, voters: int) -> None:
    producer = Producer({
        "bootstrap.servers": brokers,
        "enable.idempotence": True,  # a retry writes nothing twice
        "partitioner": "murmur2_random",  # the same partition for a key as Java's and Go's clients; librdkafka's default is another
        "linger.ms": 5,
        "enable.metrics.push": False,
    })
    failed = []

    def delivered(error, _message):
        if error is not None:
            failed.append(error)

    for n in range(voters):
        number = f"49176{7000000 + n}"
        value = {"id": f"{poll}-{n}", "to": "+" + number, "text": QUESTION, "receipts": "none", "validity": "1h", "metadata": {"poll": poll}}
        producer.produce("sms.outbound", key=number, value=json.dumps(value), on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(30)
    if failed or left:
        raise RuntimeError(f"{len(failed) + left} of {voters} questions were not written: {failed[0] if failed else 'no answer from Kafka'}")
    print(f"{voters} people are asked", flush=True)


def count(consumer: Consumer, poll: str, seconds: float) -> None:
    votes: dict[str, str] = {}  # number: choice
    shown, show_at = 0, 0.0
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        message = consumer.poll(min(left, 0.2))
        if message is not None:
            if message.error():
                raise KafkaException(message.error())
            inbound = json.loads(message.value())
            asked = inbound.get("in_reply_to", {}).get("metadata", {}).get("poll")
            choice = inbound.get("text", "").strip().upper()
            if asked == poll and choice in CHOICES:
                votes[inbound["from"]] = choice
        if len(votes) > shown and time.monotonic() >= show_at:
            shown, show_at = len(votes), time.monotonic() + 0.5
            print(line(votes), flush=True)
    print(f"closed with {line(votes)}")


def line(votes: dict[str, str]) -> str:
    counts = {c: sum(v == c for v in votes.values()) for c in CHOICES}
    bars = "   ".join(f"{c} {name} {n:3} {'#' * (n * 20 // max(1, len(votes)))}" for (c, name), n in zip(CHOICES.items(), counts.values()))
    return f"{len(votes):3} votes   {bars}"


def at_the_end(brokers: str, topic: str) -> Consumer:
    """A consumer of all partitions, from where they end now. It joins no group: it wants all votes, not a share of them."""
    consumer = Consumer({
        "bootstrap.servers": brokers,
        "group.id": "voting",  # librdkafka wants a name; nothing is committed under it
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "reconnect.backoff.ms": 1000,
        "enable.metrics.push": False,
    })
    metadata = consumer.list_topics(topic, timeout=30).topics[topic]
    if metadata.error is not None:
        raise KafkaException(metadata.error)
    ends = []
    for partition in metadata.partitions:
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
        ends.append(TopicPartition(topic, partition, high))
    consumer.assign(ends)
    return consumer


if __name__ == "__main__":
    try:
        main()
    except (KafkaException, RuntimeError) as error:
        sys.exit(f"voting: {error}")
