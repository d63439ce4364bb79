import { createHmac } from 'node:crypto'

/** What a message is signed over, beside its body. */
export interface SignedMessage {
  /** The same for an event and an endpoint whenever it is sent. */
  readonly id: string
  readonly body: string
  readonly now: Date
}

/** The headers of a message of Standard Webhooks 1.0. */
export interface SignatureHeaders {
  readonly 'webhook-id': string
  /** Seconds since 1970. */
  readonly 'webhook-timestamp': string
  readonly 'webhook-signature': string
}

/**
 * Signs a message (events.md §3).
 *
 * @param secrets the bytes of each secret that is valid; there is one signature for each.
 */
export function signatureHeaders({ id, body, now }: SignedMessage, secrets: readonly Buffer[]): SignatureHeaders {
  const timestamp = String(Math.floor(now.getTime() / 1_000))
  const signatures = secrets.map((secret) => {
    return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
