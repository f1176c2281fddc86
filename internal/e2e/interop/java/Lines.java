import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** What a peer and the test say to each other: a JSON object a line on stdout, words a line on stdin, whose end is the peer's. */
final class Lines {
	private Lines() {}

	static final HexFormat HEX = HexFormat.of();

	/** Prints an event and its fields, names and values in turn. Octets are printed as hexadecimal digits, and what is null not at all. */
	static synchronized void say(String event, Object... fields) {
		StringBuilder b = new StringBuilder("{\"event\":\"").append(event).append('"');
		for (int i = 0; i < fields.length; i += 2) {
			Object v = fields[i + 1];
			if (v == null) {
				continue;
			}
			b.append(",\"").append(fields[i]).append("\":");
			if (v instanceof Number || v instanceof Boolean) {
				b.append(v);
			} else {
				quote(b, v instanceof byte[] octets ? HEX.formatHex(octets) : v.toString());
			}
		}
		byte[] line = b.append("}\n").toString().getBytes(StandardCharsets.UTF_8);
		System.out.write(line, 0, line.length);
		System.out.flush();
	}

	private static void quote(StringBuilder b, String s) {
		b.append('"');
		for (char c : s.toCharArray()) {
			if (c == '"' || c == '\\') {
				b.append('\\').append(c);
			} else if (c < ' ') {
				b.append(String.format("\\u%04x", (int) c));
			} else {
				b.append(c);
			}
		}
		b.append('"');
	}

	interface Command {
		void run(String[] words) throws Exception;
	}

	/** Runs a command for each line until the end of stdin. */
	static void read(Command command) throws Exception {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
		for (String line; (line = in.readLine()) != null;) {
			command.run(line.split(" "));
		}
	}

	/** A word of octets; "-" is none. */
	static byte[] octets(String word) {
		return word.equals("-") ? null : HEX.parseHex(word);
	}

	/** A word of three numbers with commas, reference, parts and part; "-" is none. */
	static int[] sar(String word) {
		if (word.equals("-")) {
			return null;
		}
		String[] n = word.split(",");
		return new int[] {Integer.parseInt(n[0]), Integer.parseInt(n[1]), Integer.parseInt(n[2])};
	}

	/** What is left of a short message without its user data header. */
	static byte[] withoutHeader(byte[] message, byte esmClass) {
		if ((esmClass & 0x40) == 0 || message.length == 0) {
			return message;
		}
		return java.util.Arrays.copyOfRange(message, 1 + (message[0] & 0xff), message.length);
	}

	/** How a message to this number ends: null, it is refused. */
	static String end(String number) {
		return number.endsWith("9999") ? null : number.endsWith("77") ? "UNDELIV" : "DELIVRD";
	}
}
