import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.jsmpp.bean.*;
import org.jsmpp.session.BindParameter;
import org.jsmpp.session.DataSmResult;
import org.jsmpp.session.MessageReceiverListener;
import org.jsmpp.session.SMPPSession;
import org.jsmpp.session.Session;

/** An ESME on jSMPP. It has no alphabets of its own; long messages go by sar_* TLVs, the way that it has helpers for. */
public final class JsmppClient implements MessageReceiverListener {
	private static int reference;

	public static void main(String[] args) throws Exception {
		SMPPSession session = new SMPPSession();
		session.setTransactionTimer(30000);
		session.setMessageReceiverListener(new JsmppClient());
		String name = session.connectAndBind("127.0.0.1", Integer.parseInt(args[0]), new BindParameter(BindType.BIND_TRX, "esme", "secret", "",
			TypeOfNumber.UNKNOWN, NumberingPlanIndicator.UNKNOWN, null), 30000);
		Lines.say("bound", "system_id", name);
		Lines.read(words -> submit(session, words));
		session.unbindAndClose();
		Lines.say("unbound");
		System.exit(0);
	}

	/** submit FROM TO DATA_CODING TEXT, the text in UTF-8 */
	private static void submit(SMPPSession session, String[] w) throws Exception {
		int coding = Integer.parseInt(w[3]);
		byte[] all = new String(HexFormat.of().parseHex(w[4]), StandardCharsets.UTF_8)
			.getBytes(coding == 8 ? StandardCharsets.UTF_16BE : StandardCharsets.US_ASCII);
		int single = coding == 8 ? 140 : 160, part = coding == 8 ? 134 : 153;
		int parts = all.length <= single ? 1 : (all.length + part - 1) / part;
		reference++;
		for (int i = 0; i < parts; i++) {
			byte[] body = parts == 1 ? all : Arrays.copyOfRange(all, i * part, Math.min(all.length, (i + 1) * part));
			OptionalParameter[] tlvs = parts == 1 ? new OptionalParameter[0] : new OptionalParameter[] {
				OptionalParameters.newSarMsgRefNum(reference), OptionalParameters.newSarTotalSegments(parts), OptionalParameters.newSarSegmentSeqnum(i + 1)};
			String id = session.submitShortMessage("", TypeOfNumber.UNKNOWN, NumberingPlanIndicator.UNKNOWN, w[1], TypeOfNumber.INTERNATIONAL,
				NumberingPlanIndicator.ISDN, w[2], new ESMClass(), (byte) 0, (byte) 1, null, null,
				new RegisteredDelivery(SMSCDeliveryReceipt.SUCCESS_FAILURE), (byte) 0, DataCodings.newInstance((byte) coding), (byte) 0, body, tlvs)
				.getMessageId();
			Lines.say("response", "to", w[2], "part", i + 1, "message_id", id);
		}
	}

	@Override
	public void onAcceptDeliverSm(DeliverSm d) {
		if (!d.isSmscDeliveryReceipt()) {
			Lines.say("mo", "from", d.getSourceAddr(), "to", d.getDestAddress(), "esm_class", d.getEsmClass() & 0xff,
				"data_coding", d.getDataCoding() & 0xff, "body", d.getShortMessage());
			return;
		}
		try {
			DeliveryReceipt r = d.getShortMessageAsDeliveryReceipt();
			OptionalParameter.Receipted_message_id id = d.getOptionalParameter(OptionalParameter.Receipted_message_id.class);
			OptionalParameter.Message_state state = d.getOptionalParameter(OptionalParameter.Message_state.class);
			Lines.say("receipt", "message_id", r.getId(), "stat", r.getFinalStatus().name(), "tlv_id", id == null ? null : id.getValueAsString(),
				"tlv_state", state == null ? null : state.getValue());
		} catch (org.jsmpp.util.InvalidDeliveryReceiptException e) {
			Lines.say("error", "text", e.toString());
		}
	}

	@Override
	public void onAcceptAlertNotification(AlertNotification a) {}

	@Override
	public DataSmResult onAcceptDataSm(DataSm d, Session s) {
		return null;
	}
}
