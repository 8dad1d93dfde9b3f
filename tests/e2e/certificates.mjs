// What speaks TLS here and is not ours: openssl makes the certificates, curl shows them, and an nginx between client and server
// hands them on.
import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Process, freePort, parseChallenge } from './actors.mjs';

const PROGRAM_DEADLINE = 10_000;

async function run(program, args) {
  const { stdout } = await promisify(execFile)(program, args, { timeout: PROGRAM_DEADLINE });
  return stdout;
}

/** A folder with an authority, and with certificates by it and by nobody. */
export class Certificates {
  static async make() {
    const certificates = new Certificates();
    certificates.folder = await mkdtemp(join(tmpdir(), 'tower-bearer-e2e-'));
    await certificates.#make('authority', '/CN=An authority of our own', 'CA:TRUE');
    return certificates;
  }

  file(name) {
    return join(this.folder, name);
  }

  get authority() {
    return this.file('authority.pem');
  }

  /** Of a server at 127.0.0.1. */
  server(name) {
    return this.#make(name, '/CN=server', 'CA:FALSE', 'authority', 'subjectAltName=IP:127.0.0.1');
  }

  /** Of a client. What it shows has the authority's certificate behind its own, as the chains of many clients do. */
  async client(name) {
    const files = await this.#make(name, `/CN=${name}`, 'CA:FALSE', 'authority');
    await appendFile(files.certificate, await readFile(this.authority));
    return files;
  }

  /** Of a client whom no authority knows (RFC 8705 §2.2). */
  selfSigned(name) {
    return this.#make(name, `/CN=${name}`, 'CA:FALSE');
  }

  async #make(name, subject, constraint, authority, ...extensions) {
    const files = { certificate: this.file(`${name}.pem`), key: this.file(`${name}.key`) };
    const added = [`basicConstraints=critical,${constraint}`, ...extensions].flatMap((extension) => ['-addext', extension]);
    const signed = authority ? ['-CA', this.file(`${authority}.pem`), '-CAkey', this.file(`${authority}.key`)] : [];
    await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', subject, ...added, ...signed, '-keyout', files.key, '-out', files.certificate]);
    return files;
  }

  /** What a token bound to this certificate has in `cnf`, by openssl's own reckoning. */
  async thumbprint({ certificate }) {
    const told = await run('openssl', ['x509', '-in', certificate, '-noout', '-fingerprint', '-sha256']);
    return Buffer.from(told.trim().split('=')[1].replaceAll(':', ''), 'hex').toString('base64url');
  }

  /** A certificate as nginx writes it into a header. */
  async escaped({ certificate }) {
    const [leaf] = (await readFile(certificate, 'utf8')).match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/);
    return encodeURIComponent(leaf);
  }

  /** Sends a request by curl: a GET, or a POST if there is a form. `client` is whose certificate it shows. */
  async curl(url, { client, token, headers = [], form = {}, user } = {}) {
    const args = ['--silent', '--show-error', '--include', '--max-time', '10', '--cacert', this.authority];
    if (client) args.push('--cert', client.certificate, '--key', client.key);
    if (token !== undefined) args.push('--header', `authorization: Bearer ${token}`);
    if (user) args.push('--user', user);
    for (const header of headers) args.push('--header', header);
    for (const [name, value] of Object.entries(form)) args.push('--data-urlencode', `${name}=${value}`);
    const answer = await run('curl', [...args, url]);
    const end = answer.indexOf('\r\n\r\n');
    const [status, ...lines] = answer.slice(0, end).split('\r\n');
    const challenges = lines.filter((line) => /^www-authenticate:/i.test(line)).map((line) => line.slice(line.indexOf(':') + 1).trim());
    if (challenges.length > 1) throw new Error(`several challenges: ${challenges.join(' / ')}`);
    return { status: Number(status.split(' ')[1]), challenge: parseChallenge(challenges[0] ?? null), body: answer.slice(end + 4) };
  }

  async remove() {
    await rm(this.folder, { recursive: true });
  }
}

/** The header in which it hands on certificates, and the address that it connects to the server from. */
export const HEADER = 'x-ssl-cert';
export const PROXY = '127.0.0.2';

/** An nginx that ends TLS. */
export class Nginx extends Process {
  static async start(certificates, { certificate, key }, upstream) {
    const port = await freePort();
    const configuration = certificates.file(`nginx-${port}.conf`);
    await writeFile(configuration, `
      daemon off; master_process off; pid nginx-${port}.pid; error_log stderr; events {}
      http {
        access_log off;
        client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
        server {
          listen 127.0.0.1:${port} ssl;
          ssl_certificate ${certificate};
          ssl_certificate_key ${key};
          # A client may show a certificate, whoever has signed it: tokens are bound to the certificate itself.
          ssl_verify_client optional_no_ca;
          location / {
            proxy_pass ${upstream};
            proxy_bind ${PROXY};
            proxy_set_header ${HEADER} $ssl_client_escaped_cert;
          }
        }
      }`);
    const server = new Nginx('nginx', ['-p', certificates.folder, '-e', 'stderr', '-c', configuration]);
    server.url = `https://127.0.0.1:${port}`;
    await server.until(() => new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
      socket.on('error', () => resolve(false));
    }));
    return server;
  }
}
