"""An ESME on smpplib and its own way of coding and cutting texts.

It says what it sees in a JSON object a line on stdout and takes commands, words a line, on stdin; at its end it unbinds.
"""

import json
import os
import select
import sys

import smpplib.client
import smpplib.consts
import smpplib.gsm


def say(event, **fields):
    fields = {name: v.hex() if isinstance(v, bytes) else v for name, v in fields.items() if v is not None}
    print(json.dumps({'event': event, **fields}), flush=True)


class Esme:
    def __init__(self, port):
        self.waiting = {}  # submits without an answer: destination and part, by sequence_number
        self.client = smpplib.client.Client('127.0.0.1', port, timeout=30)
        self.client.set_message_sent_handler(self.sent)
        self.client.set_message_received_handler(self.received)
        self.client.connect()
        self.client.bind_transceiver(system_id='esme', password='secret')
        say('bound')

    def submit(self, source, destination, coding, text):
        """submit FROM TO DATA_CODING TEXT, the text in UTF-8"""
        parts, found, esm_class = smpplib.gsm.make_parts(bytes.fromhex(text).decode())
        if found != int(coding):
            raise ValueError('smpplib takes data_coding %d for it' % found)
        for i, part in enumerate(parts, start=1):
            pdu = self.client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_UNK, source_addr_npi=smpplib.consts.SMPP_NPI_UNK, source_addr=source,
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL, dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN, destination_addr=destination,
                short_message=part, data_coding=found, esm_class=esm_class, registered_delivery=True)
            self.waiting[pdu.sequence] = destination, i

    def sent(self, pdu):
        destination, part = self.waiting.pop(pdu.sequence)
        say('response', to=destination, part=part, message_id=pdu.message_id.decode())

    def received(self, pdu):
        if pdu.esm_class & 0x3c == 4:  # SMSC delivery receipt
            # smpplib leaves the text to who uses it, but reads the TLVs.
            say('receipt', text=pdu.short_message.decode(), tlv_id=pdu.receipted_message_id.decode(), tlv_state=pdu.message_state)
        else:
            say('mo', esm_class=pdu.esm_class, data_coding=pdu.data_coding, body=pdu.short_message, to=pdu.destination_addr.decode(),
                **{'from': pdu.source_addr.decode()})

    def run(self):
        pending = b''
        while True:
            readable, _, _ = select.select([0, self.client._socket], [], [])
            if self.client._socket in readable:
                self.client.read_once()
            if 0 not in readable:
                continue
            got = os.read(0, 1 << 16)
            if not got:
                break
            *lines, pending = (pending + got).split(b'\n')
            for line in lines:
                self.submit(*line.decode().split(' ')[1:])
        self.client.unbind()
        self.client.disconnect()
        say('unbound')


Esme(int(sys.argv[1])).run()
