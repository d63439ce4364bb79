import { TRPCError } from '@trpc/server'
import type { Kysely } from 'kysely'
import { expect } from 'vitest'
import type { DB } from '../../core/database/schema.ts'
import { createCaller, enrollmentErrorFrom, type Caller, type Context } from '../../routers/index.ts'

export const ACTOR = { kind: 'service', name: 'tests' } as const

/** A caller of the tests' own actor. */
export function callerOf<D extends DB>(db: Kysely<D>, context: Partial<Omit<Context, 'db'>> = {}): Caller {
  return createCaller({ db, actor: ACTOR, ...context })
}

/** What a call was refused with: tRPC's code, the domain's code and its details. Fails where it was not refused. */
export async function refusalOf(call: Promise<unknown>) {
  const error = await errorOf(call)
  const domain = enrollmentErrorFrom(error)
  return { trpc: error.code, code: domain?.code, details: domain?.details }
}

/** The error of a call. Fails where there is none, or where it is not tRPC's. */
export async function errorOf(call: Promise<unknown>): Promise<TRPCError> {
  const [settled] = await Promise.allSettled([call])
  expect(settled.status).toBe('rejected')
  const error: unknown = settled.status === 'rejected' ? settled.reason : undefined
  expect(error).toBeInstanceOf(TRPCError)
  if (!(error instanceof TRPCError)) throw new TypeError('Not an error of tRPC')
  return error
}
