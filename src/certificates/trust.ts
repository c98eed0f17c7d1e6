/** How a person has browsers and programs trust the authority of `tls: auto`. */
import { dirname } from 'node:path';
import { quoted } from '../secrets/private-file.ts';

export function trustText(file: string): string {
  const path = quoted(file);
  return [
    `made a local certificate authority for tls: auto: ${path}`,
    'Browsers and programs accept its certificates when they trust it:',
    `  Linux    sudo cp ${path} /usr/local/share/ca-certificates/limpet.crt && sudo update-ca-certificates`,
    `  macOS    security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ${path}`,
    `  Windows  certutil -user -addstore Root ${path}`,
    '  Firefox, and Chrome on Linux: in the settings, at certificates, Authorities, Import',
    `  once     curl --cacert ${path}; NODE_EXTRA_CA_CERTS=${path}`,
    `It signs only for this machine and private networks, and is kept: ${quoted(dirname(file))} goes to no one else`,
  ].join('\n');
}
