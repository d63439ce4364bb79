import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { os } from '@orpc/server'
import { RPCHandler } from '@orpc/server/node'
import { BatchHandlerPlugin } from '@orpc/server/plugins'
import type { Database } from '../core/database/open.ts'
import type { CallMetadata } from '../core/enrollment/command.ts'
import { enroll } from '../core/enrollment/enroll.ts'
import { defaultPolicy } from '../core/policy.ts'
import { enrollCommand } from '../core/enrollment/item-command.ts'
import { enrollFields, withLearner } from '../routers/inputs.ts'
import { callersByToken } from '../server/bearer.ts'

/** As many calls as a batch of ours may hold. */
const MAX_BATCH_SIZE = 100

/**
 * `enrollment.enroll` behind oRPC: the same schema, the same core, the same check of the token, on Node's own HTTP server,
 * with oRPC's own batching.
 */
export function orpcListener({ db, token }: { db: Database; token: string }): RequestListener {
  const findCaller = callersByToken(new Map([[token, 'bench']]))
  const handler = new RPCHandler(createRouter(db), { plugins: [new BatchHandlerPlugin({ maxSize: MAX_BATCH_SIZE })] })
  return (request, response) => {
    const actorName = findCaller(request.headers.authorization)
    if (actorName === undefined) {
      response.writeHead(401).end()
      return
    }
    void handler
      .handle(request, response, { prefix: '/rpc', context: { actorName } })
      .then(({ matched }) => matched || response.writeHead(404).end())
  }
}

/** What the peer's client calls. */
export type OrpcRouter = ReturnType<typeof createRouter>

function createRouter(db: Database) {
  const procedure = os.$context<{ actorName: string }>()
  return {
    enrollment: {
      enroll: procedure.input(withLearner(enrollFields)).handler(({ input, context }) => {
        const metadata: CallMetadata = {
          actor: { kind: 'service', name: context.actorName },
          via: 'rpc',
          now: new Date(),
          requestId: randomUUID(),
        }
        return enroll(db, enrollCommand(input), metadata, defaultPolicy)
      }),
    },
  }
}
