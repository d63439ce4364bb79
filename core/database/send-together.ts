import { CompiledQuery, type QueryResult, type Transaction } from 'kysely'
import { BriefConnection } from './brief-driver.ts'

/** The results of statements that were sent together, each in the place of its own. */
export type Results<Q extends readonly CompiledQuery[]> = {
  [Place in keyof Q]: Q[Place] extends CompiledQuery<infer Row> ? QueryResult<Row> : never
}

/**
 * Sends statements of a transaction in their order: in one go where the transaction is our own, one by one where it is somebody
 * else's. Each sees what those before it did, and under READ COMMITTED what others have committed by then; where one fails, those
 * after it are not carried out.
 */
export async function sendTogether<Tables, const Q extends readonly CompiledQuery[]>(
  trx: Transaction<Tables>,
  queries: Q,
): Promise<Results<Q>> {
  return send(trx, queries)
}

/** The same with the commit of the transaction, which is known to have happened when this answers. Nothing may come after it. */
export async function sendAndCommit<Tables, const Q extends readonly CompiledQuery[]>(
  trx: Transaction<Tables>,
  queries: Q,
): Promise<Results<Q>> {
  return send(trx, queries, 'commit')
}

async function send<Tables, Q extends readonly CompiledQuery[]>(
  trx: Transaction<Tables>,
  queries: Q,
  end?: 'commit',
): Promise<Results<Q>> {
  const results = await trx.getExecutor().provideConnection(async (connection) => {
    if (connection instanceof BriefConnection) return connection.executeTogether(queries, end)
    const answers: QueryResult<unknown>[] = []
    for (const query of queries) answers.push(await connection.executeQuery(query))
    return answers
  })
  return results as Results<Q> // One for each.
}

/** Sends a statement that answers nothing: in a transaction of our own together with the next one, in one of somebody else at once. */
export async function sendWithNext<Tables>(trx: Transaction<Tables>, text: string): Promise<void> {
  await trx.getExecutor().provideConnection(async (connection) => {
    if (connection instanceof BriefConnection) connection.sendWithNext(text)
    else await connection.executeQuery(CompiledQuery.raw(text))
  })
}
