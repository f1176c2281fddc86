import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.LocalDate;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Appointment reminders: reminds patients of tomorrow's appointments and books what they answer. An answer belongs to its
 * appointment by {@code in_reply_to}, which the connector puts on a message from a number that was written to.
 */
public final class Appointments {
    private static final String BROKERS = System.getenv().getOrDefault("KAFKA_BROKERS", "127.0.0.1:9092");
    private static final ObjectMapper JSON = new ObjectMapper();

    record Appointment(String id, String patient, String phone, LocalTime at) {}

    enum Answer { CONFIRMED, CANCELLED, UNCLEAR }

    /** What the connector reads from sms.outbound; schemas/ has all of its fields. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Outbound(String id, String to, String text, String receipts, String validity, Map<String, String> metadata) {}

    /** What it writes to sms.inbound. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Inbound(String from, String text, @JsonProperty("in_reply_to") ReplyTo inReplyTo) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record ReplyTo(String id, Map<String, String> metadata) {}

    public static void main(String[] args) {
        Duration wait = Duration.ofSeconds(args.length > 0 ? Long.parseLong(args[0]) : 10);
        try {
            Map<String, Appointment> appointments = tomorrow();
            try (Consumer<String, String> inbound = atTheEnd("sms.inbound")) { // before the first reminder, so that no answer is missed
                remind(appointments.values());
                print(appointments, answers(inbound, appointments, wait));
            }
        } catch (KafkaException | ExecutionException | java.io.IOException e) {
            System.err.println("appointments: " + e.getMessage());
            System.exit(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Yours come from a database; the id is that of the appointment there, so that a reminder can be found again. */
    private static Map<String, Appointment> tomorrow() {
        String day = LocalDate.now().plusDays(1) + "-" + UUID.randomUUID().toString().substring(0, 4);
        Map<String, Appointment> all = new LinkedHashMap<>();
        for (int i = 0; i < 12; i++) {
            String id = "appointment-%s-%02d".formatted(day, i + 1);
            all.put(id, new Appointment(id, "Patient " + (char) ('A' + i), "4479%08d".formatted(4000001 + i), LocalTime.of(8, 0).plusMinutes(30L * i)));
        }
        return all;
    }

    private static void remind(Collection<Appointment> appointments) throws ExecutionException, InterruptedException, java.io.IOException {
        // Idempotence and acks=all are the client's defaults: what is acknowledged is stored once.
        Map<String, Object> config = Map.of(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, BROKERS, ProducerConfig.MAX_BLOCK_MS_CONFIG, 30_000);
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (Appointment a : appointments) {
                Outbound reminder = new Outbound(a.id(), "+" + a.phone(), "Your appointment is tomorrow at " + a.at() + ". Please reply YES or NO.",
                        "final", "12h", Map.of("appointment", a.id()));
                sent.add(producer.send(new ProducerRecord<>("sms.outbound", a.phone(), JSON.writeValueAsString(reminder))));
            }
            for (Future<RecordMetadata> f : sent) {
                f.get(); // or the reason why it was not written
            }
            System.out.println(sent.size() + " patients are reminded");
        }
    }

    /** The last answer of a patient counts. */
    private static Map<String, Answer> answers(Consumer<String, String> inbound, Map<String, Appointment> appointments, Duration wait) throws java.io.IOException {
        Map<String, Answer> answers = new LinkedHashMap<>();
        long end = System.nanoTime() + wait.toNanos();
        while (System.nanoTime() < end && answers.size() < appointments.size()) {
            for (ConsumerRecord<String, String> record : inbound.poll(Duration.ofMillis(200))) {
                Inbound message = JSON.readValue(record.value(), Inbound.class);
                if (message.inReplyTo() == null || !appointments.containsKey(message.inReplyTo().id())) {
                    continue; // an answer to something else
                }
                Answer answer = read(message.text());
                Appointment a = appointments.get(message.inReplyTo().id());
                answers.put(a.id(), answer);
                System.out.printf("  %s, %s: \"%s\"%n", a.patient(), a.at(), message.text());
            }
        }
        return answers;
    }

    private static Answer read(String text) {
        String word = text == null ? "" : text.strip().toUpperCase().split("\\W+", 2)[0];
        return switch (word) {
            case "YES" -> Answer.CONFIRMED;
            case "NO" -> Answer.CANCELLED;
            default -> Answer.UNCLEAR; // somebody should read it
        };
    }

    private static void print(Map<String, Appointment> appointments, Map<String, Answer> answers) {
        long confirmed = answers.values().stream().filter(Answer.CONFIRMED::equals).count();
        long cancelled = answers.values().stream().filter(Answer.CANCELLED::equals).count();
        System.out.printf("%d confirmed, %d cancelled, %d to be called%n", confirmed, cancelled, appointments.size() - confirmed - cancelled);
    }

    /** A consumer of all partitions, from where they end now. It joins no group: it wants every answer, not a share of them. */
    private static Consumer<String, String> atTheEnd(String topic) {
        Map<String, Object> config = Map.of(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, BROKERS, ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed",
                ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false, ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 30_000);
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        for (PartitionInfo p : consumer.partitionsFor(topic)) {
            partitions.add(new TopicPartition(topic, p.partition()));
        }
        consumer.assign(partitions);
        consumer.seekToEnd(partitions);
        partitions.forEach(consumer::position); // seekToEnd alone is lazy
        return consumer;
    }
}
