/** Attacks by TLS: full handshakes one after the other, and handshakes that are not finished. Normal clients beside them use TLS, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { Attack } from '../attack.ts';
import { several } from '../raw.ts';

const needs = { tls: true } as const;

export const handshakeChurn: Attack = {
  name: 'tls-churn',
  title: '10 clients that make full handshakes, and leave',
  needs,
  async run({ port, over }) {
    let made = 0;
    const attack = async () => {
      while (!over.aborted) {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
        await new Promise((done) => socket.once('secureConnect', done).once('error', done));
        made++;
        socket.destroy();
      }
    };
    await Promise.all(Array.from({ length: 10 }, attack));
    return { attackers: 0, note: `${made} handshakes` };
  },
};

/** The head of a record of 512 bytes, and of the ClientHello in it. */
const beginning = Buffer.from('160301020001', 'hex');

export const halfHandshakes: Attack = {
  name: 'tls-half-handshakes',
  title: '500 connections with the beginning of a handshake',
  needs,
  async run({ port, over }) {
    const all = several(500, port);
    for (const one of all) one.send(beginning);
    while (!over.aborted) await sleep(20);
    for (const one of all) one.close();
    return { attackers: all.length };
  },
};
