import type { Kysely } from 'kysely'
import { isDatabaseUnavailable, isSerializationFailure } from '../database/failure.ts'
import type { DB } from '../database/schema.ts'
import { failure } from '../errors.ts'
import type { Policy } from '../policy.ts'
import type { Asked, Result } from './command.ts'
import { createLane, type Lane } from '../lane.ts'
import { runQuickRound, runRound, type Guarded } from './round.ts'
import type { RoundResult } from './settle.ts'

/** The most calls of one round: large enough to share its cost, small enough to answer soon. */
const ROUND_SIZE = 500

/** Rounds of one process that run at the same time: one waits for the database while another is prepared. */
const ROUNDS_AT_ONCE = 2

/** Rounds that may wait for a lock, at most, so that they never take all connections of the pool. */
const GUARDED_ROUNDS_AT_ONCE = 4

/** How often a lost race is read and decided again before the call gives up. */
const MAX_ATTEMPTS = 8

interface Call {
  readonly asked: Asked
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  attempts: number
}

interface Gathering {
  readonly quick: Lane<Call>
  readonly guarded: Lane<Call>
}

// Belongs to the pool and lives as long as it: nothing here outlasts a call or has to be seen by another process.
const gatherings = new WeakMap<Kysely<DB>, WeakMap<Policy, Gathering>>()

/**
 * Carries out one command together with others that are asked at the same time on the same pool. A lone call starts at
 * once; calls that arrive while rounds are running form the next one together. Callers take turns, by actor.
 *
 * Calls that need a transaction (seats of a capped course, allowances, attributes) continue in rounds of their own, one
 * at a time for the same seats, so that a lock that somebody holds delays only those who need it.
 *
 * @param db the pool.
 * @returns the result of this command, after its commit.
 */
export function enrollGathered(db: Kysely<DB>, asked: Asked, policy: Policy): Promise<Result> {
  const { quick } = gatheringOf(db, policy)
  return new Promise((resolve, reject) => {
    quick.add({ asked, resolve, reject, attempts: 0 }, { turn: asked.stamp.actor.name })
  })
}

function gatheringOf(db: Kysely<DB>, policy: Policy): Gathering {
  const byPolicy = gatherings.get(db) ?? new WeakMap<Policy, Gathering>()
  gatherings.set(db, byPolicy)
  const gathering = byPolicy.get(policy) ?? createGathering(db, policy)
  byPolicy.set(policy, gathering)
  return gathering
}

function createGathering(db: Kysely<DB>, policy: Policy): Gathering {
  const guarded = createLane<Call>({
    roundSize: ROUND_SIZE,
    roundsAtOnce: GUARDED_ROUNDS_AT_ONCE,
    run: (calls) => runCalls(calls, (asked) => runRound(db, asked, policy), deliver),
  })
  const quick = createLane<Call>({
    roundSize: ROUND_SIZE,
    roundsAtOnce: ROUNDS_AT_ONCE,
    run: (calls) => runCalls(calls, (asked) => runQuickRound(db, asked, policy), deliver),
  })
  return { quick, guarded }

  function deliver(call: Call, result: RoundResult | Guarded): void {
    if (result === 'lostRace') retry(call)
    else if ('guard' in result) guarded.add(call, { turn: call.asked.stamp.actor.name, key: result.guard ?? '' })
    else call.resolve(result)
  }

  function retry(call: Call): void {
    call.attempts += 1
    if (call.attempts >= MAX_ATTEMPTS) call.resolve({ ok: false, error: failure('unavailable', {}) })
    else quick.add(call, { turn: call.asked.stamp.actor.name })
  }
}

/** Runs one round and hands each call its result. What goes wrong for a whole round is found out call by call. */
async function runCalls(
  calls: readonly Call[],
  run: (asked: readonly Asked[]) => Promise<(RoundResult | Guarded)[]>,
  deliver: (call: Call, result: RoundResult | Guarded) => void,
): Promise<void> {
  try {
    const results = await run(calls.map((call) => call.asked))
    for (const [index, call] of calls.entries()) deliver(call, results[index] ?? 'lostRace')
  } catch (error) {
    if (isSerializationFailure(error)) {
      for (const call of calls) deliver(call, 'lostRace')
    } else if (calls.length === 1 || isDatabaseUnavailable(error)) {
      for (const call of calls) call.reject(error)
    } else {
      for (const call of calls) await runCalls([call], run, deliver)
    }
  }
}
