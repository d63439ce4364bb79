import type { FastifyRequest } from 'fastify'
import type { Account } from '../../../core/learner/account.ts'
import { authenticationFailed, Refusal } from '../django/answer.ts'

/**
 * Refuses the bearer of a token whose account is not active; the same token as `JWT` is not looked at like that
 * (rest-v1 §2.1, §2.2).
 *
 * @throws {Refusal} 401
 */
export function refuseInactiveBearer({ headers }: FastifyRequest, account: Account | null): void {
  if (account === null || account.isActive || !/^\s*bearer\s/i.test(headers.authorization ?? '')) return
  const words = `User inactive or deleted: ${account.username}`
  throw new Refusal(authenticationFailed({ error_code: 'user_not_active', developer_message: words }))
}
