import com.cloudhopper.commons.charset.Charset;
import com.cloudhopper.commons.charset.CharsetUtil;
import com.cloudhopper.smpp.SmppBindType;
import com.cloudhopper.smpp.SmppConstants;
import com.cloudhopper.smpp.SmppSession;
import com.cloudhopper.smpp.SmppSessionConfiguration;
import com.cloudhopper.smpp.impl.DefaultSmppClient;
import com.cloudhopper.smpp.impl.DefaultSmppSessionHandler;
import com.cloudhopper.smpp.pdu.DeliverSm;
import com.cloudhopper.smpp.pdu.EnquireLink;
import com.cloudhopper.smpp.pdu.PduRequest;
import com.cloudhopper.smpp.pdu.PduResponse;
import com.cloudhopper.smpp.pdu.SubmitSm;
import com.cloudhopper.smpp.pdu.SubmitSmResp;
import com.cloudhopper.smpp.tlv.Tlv;
import com.cloudhopper.smpp.type.Address;
import com.cloudhopper.smpp.util.DeliveryReceipt;
import com.cloudhopper.smpp.util.SmppUtil;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.joda.time.DateTimeZone;

/** An ESME on Cloudhopper's ch-smpp and its charsets; long messages have a user data header with a 16-bit reference. */
public final class CloudhopperClient extends DefaultSmppSessionHandler {
	private static int reference = 0x1ff;

	public static void main(String[] args) throws Exception {
		SmppSessionConfiguration c = new SmppSessionConfiguration(SmppBindType.TRANSCEIVER, "esme", "secret");
		c.setHost("127.0.0.1");
		c.setPort(Integer.parseInt(args[0]));
		c.setConnectTimeout(30000);
		c.setBindTimeout(30000);
		c.setWindowSize(10);
		SmppSession session = new DefaultSmppClient().bind(c, new CloudhopperClient());
		Lines.say("bound");
		session.enquireLink(new EnquireLink(), 30000);
		Lines.read(words -> submit(session, words));
		session.unbind(30000);
		Lines.say("unbound");
		System.exit(0);
	}

	/** submit FROM TO DATA_CODING TEXT, the text in UTF-8 */
	private static void submit(SmppSession session, String[] w) throws Exception {
		int coding = Integer.parseInt(w[3]);
		Charset charset = coding == 8 ? CharsetUtil.CHARSET_UCS_2 : CharsetUtil.CHARSET_GSM;
		byte[] all = CharsetUtil.encode(new String(Lines.HEX.parseHex(w[4]), StandardCharsets.UTF_8), charset);
		int single = coding == 8 ? 140 : 160, part = coding == 8 ? 132 : 152;
		int parts = all.length <= single ? 1 : (all.length + part - 1) / part;
		reference++;
		for (int i = 0; i < parts; i++) {
			SubmitSm m = new SubmitSm();
			m.setSourceAddress(new Address((byte) 0, (byte) 0, w[1]));
			m.setDestAddress(new Address((byte) 1, (byte) 1, w[2]));
			m.setRegisteredDelivery(SmppConstants.REGISTERED_DELIVERY_SMSC_RECEIPT_REQUESTED);
			m.setDataCoding((byte) coding);
			if (parts == 1) {
				m.setShortMessage(all);
			} else {
				ByteArrayOutputStream body = new ByteArrayOutputStream();
				body.write(new byte[] {6, 8, 4, (byte) (reference >> 8), (byte) reference, (byte) parts, (byte) (i + 1)});
				body.write(Arrays.copyOfRange(all, i * part, Math.min(all.length, (i + 1) * part)));
				m.setEsmClass(SmppConstants.ESM_CLASS_UDHI_MASK);
				m.setShortMessage(body.toByteArray());
			}
			SubmitSmResp response = session.submit(m, 30000);
			if (response.getCommandStatus() != 0) {
				throw new IllegalStateException("submit_sm was answered with " + response);
			}
			Lines.say("response", "to", w[2], "part", i + 1, "message_id", response.getMessageId());
		}
	}

	@Override
	public PduResponse firePduRequestReceived(PduRequest request) {
		if (request instanceof DeliverSm d) {
			if (SmppUtil.isMessageTypeSmscDeliveryReceipt(d.getEsmClass())) {
				receipt(d);
			} else {
				Lines.say("mo", "from", d.getSourceAddress().getAddress(), "to", d.getDestAddress().getAddress(), "esm_class", d.getEsmClass() & 0xff,
					"data_coding", d.getDataCoding() & 0xff, "body", d.getShortMessage());
			}
		}
		return request.createResponse();
	}

	private static void receipt(DeliverSm d) {
		try {
			DeliveryReceipt r = DeliveryReceipt.parseShortMessage(new String(d.getShortMessage(), StandardCharsets.ISO_8859_1), DateTimeZone.UTC);
			Tlv id = d.getOptionalParameter(SmppConstants.TAG_RECEIPTED_MSG_ID), state = d.getOptionalParameter(SmppConstants.TAG_MSG_STATE);
			Lines.say("receipt", "message_id", r.getMessageId(), "stat", DeliveryReceipt.toStateText(r.getState()),
				"tlv_id", id == null ? null : id.getValueAsString(), "tlv_state", state == null ? null : state.getValueAsByte());
		} catch (Exception e) {
			Lines.say("error", "text", e.toString());
		}
	}
}
