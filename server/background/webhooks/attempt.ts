import type { ClaimedDelivery } from '../../../core/webhook/claim.ts'
import type { OutgoingMessage } from '../../../core/webhook/messages.ts'
import { afterAttempt, type Answer } from '../../../core/webhook/schedule.ts'
import { signatureHeaders } from '../../../core/webhook/sign.ts'
import type { DeliveryState } from '../../../core/webhook/webhook.ts'
import type { Posted, Receiver } from './post.ts'
import type { ResultWriter } from './result-writer.ts'

/** Makes attempts, and hands on what came of them. */
export interface Attempts {
  /** @returns whether the message has arrived. */
  send(message: OutgoingMessage, receiver: Receiver): Promise<boolean>
  /** An attempt that failed before anything could be sent. */
  failed(delivery: ClaimedDelivery, error: string): void
}

export interface AttemptsOptions {
  readonly results: Pick<ResultWriter, 'add'>
  /** Is aborted when the server leaves: what has no answer by then is given back. */
  readonly signal: AbortSignal
  readonly handBack: (deliveries: readonly ClaimedDelivery[]) => unknown
  readonly onAttempt?: ((webhookId: string, state: DeliveryState) => void) | undefined
  readonly now: () => Date
  readonly random?: (() => number) | undefined
}

/** The attempts of one process. */
export function openAttempts(options: AttemptsOptions): Attempts {
  const { results, signal, handBack, onAttempt, now, random = Math.random } = options
  const keep = ({ id: deliveryId, webhookId, ...before }: ClaimedDelivery, { answer, text }: Posted): boolean => {
    const after = afterAttempt(answer, { ...before, now: now(), random: random() })
    onAttempt?.(webhookId, after.state)
    results.add({ ...after, deliveryId, webhookId, status: statusOf(answer), answer: text })
    return after.state === 'delivered'
  }
  return {
    async send({ delivery, messageId, body, secrets }, receiver) {
      const signature = signatureHeaders({ id: messageId, body, now: now() }, secrets)
      const headers = { 'content-type': 'application/json', 'user-agent': USER_AGENT, ...signature }
      try {
        return keep(delivery, await receiver.post({ headers, body }, signal))
      } catch {
        // The server leaves.
        await handBack([delivery])
        return false
      }
    },
    failed: (delivery, error) => void keep(delivery, { answer: { kind: 'failed', error }, text: null }),
  }
}

const USER_AGENT = 'enrollment-service'

function statusOf(answer: Answer): number | null {
  return answer.kind === 'answered' ? answer.status : null
}
