import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { withJitter } from '../../core/webhook/schedule.ts'
import type { DB } from '../../core/database/schema.ts'
import type { Failure, Meaning } from './answer.ts'
import { releaseClaim, renewClaim, type Claim, type ClaimedPair } from './claim.ts'
import { isSame, nextRequest } from './decide.ts'
import type { LmsApi } from './lms-api.ts'
import { goOn, pauseAll, takeTurn, type Pace } from './pace.ts'
import { readPair, type MirroredPair } from './read-pair.ts'
import { keepAgreed, keepNotSent, type NotSent } from './results.ts'

export interface SendContext {
  readonly db: Kysely<DB>
  readonly api: LmsApi
  readonly claim: Claim
  readonly pace: Pace
  /** Is told when the LMS begins to fail for all. */
  readonly onAway: (words: string) => void
}

/** More than what a pair can need: deactivate, and change the mode. */
const MAX_WRITES = 3

/** Milliseconds in which a request that was given up may still be at work in the LMS: a second one would disturb it. */
const MAY_RUN_MS = 5_000

/** The claim has gone to another process. */
class ClaimLost extends Error {
  override readonly name = 'ClaimLost'
}

/**
 * Brings the LMS to say of a claimed enrollment what is said here (adoption.md §5): reads what it says, and sends what is
 * missing, always the newest state. What comes of it is kept.
 *
 * @throws the reason of the signal when it is aborted: the claim is given back then.
 */
export async function sendPair(context: SendContext, claimed: ClaimedPair, signal: AbortSignal): Promise<void> {
  const { db, claim } = context
  const { enrollmentId } = claimed
  try {
    await bringAbout(context, claimed, signal)
  } catch (error) {
    if (error instanceof ClaimLost) return
    await releaseClaim(db, enrollmentId, { sender: claim.sender, waitMs: MAY_RUN_MS }).catch(() => {})
    throw error
  }
}

async function bringAbout(context: SendContext, claimed: ClaimedPair, signal: AbortSignal): Promise<void> {
  const { db, api, claim } = context
  const pair = { enrollmentId: claimed.enrollmentId, sender: claim.sender }
  const turn = () => waitForTurn(context, claimed.enrollmentId, signal)
  const notSent = (why: NotSent) => keepNotSent(db, pair, why)

  let read: Meaning | null = null
  for (let writes = 0; ; writes += 1) {
    if (read === null) {
      const named = await readPair(db, claimed.enrollmentId)
      if (named === null) return releaseClaim(db, claimed.enrollmentId, { sender: claim.sender, waitMs: 0 })
      await turn()
      read = await api.read(named, signal)
    }
    // The newest, after the LMS has said what it has.
    const here = await readPair(db, claimed.enrollmentId)
    if (here === null) return releaseClaim(db, claimed.enrollmentId, { sender: claim.sender, waitMs: 0 })
    if (read.kind !== 'state') return keepMeaning(context, claimed, here, read)
    await goOn(db)
    const next = nextRequest(here, read.state)
    if (next.kind === 'agreed') return keepAgreed(db, pair, here.version)
    if (next.kind === 'unsent') {
      return notSent({ state: 'unsent', words: next.why, waitMs: null, version: here.version, isFailure: false })
    }
    if (writes >= MAX_WRITES) {
      const words = `The LMS says ${wordsOf(read.state)} after it was asked for ${wordsOf(here)}`
      const waitMs = backOffMs(claimed.failures)
      return notSent({ state: 'due', words, waitMs, version: here.version, isFailure: true })
    }
    await turn()
    const answer = await api.write(here, { ...next, attributes: here.attributes }, signal)
    if (answer.kind !== 'state') return keepMeaning(context, claimed, here, answer)
    // An answer that tells something else may only be the state in between: it is read again.
    read = answer.state !== null && isSame(answer.state, next.state) ? answer : null
  }
}

/** Waits until a request may be sent, and makes the claim last for it. */
async function waitForTurn({ db, pace, claim }: SendContext, enrollmentId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted()
    const waitMs = await takeTurn(db, pace)
    if (waitMs === 0) break
    // Others may take their turn first, and a pause may end early.
    await sleep(Math.min(waitMs, 1_000), undefined, { ref: false, signal })
    if (!(await renewClaim(db, enrollmentId, claim))) throw new ClaimLost()
  }
  if (!(await renewClaim(db, enrollmentId, claim))) throw new ClaimLost()
}

/** Keeps a refusal or a failure. */
async function keepMeaning(
  { db, claim, onAway }: SendContext,
  { enrollmentId, failures }: ClaimedPair,
  { version }: MirroredPair,
  meaning: Exclude<Meaning, { kind: 'state' }>,
): Promise<void> {
  const pair = { enrollmentId, sender: claim.sender }
  const { words } = meaning
  if (meaning.kind === 'refused') {
    await goOn(db)
    return keepNotSent(db, pair, { state: 'refused', words, waitMs: null, version, isFailure: true })
  }
  if (meaning.isForAll || meaning.waitMs !== null) {
    const isFirst = await pauseAll(db, meaning)
    if (isFirst) onAway(words)
  }
  const waitMs = waitAfter(meaning, failures)
  return keepNotSent(db, pair, { state: 'due', words, waitMs, version, isFailure: meaning.waitMs === null })
}

/** What fails for all is soon tried again once the LMS is back. */
function waitAfter({ waitMs, mayRun, isForAll }: Failure, failures: number): number {
  const backOff = backOffMs(failures, isForAll ? MAX_PAUSE_MS : MAX_BACK_OFF_MS)
  return waitMs ?? Math.max(backOff, mayRun ? MAY_RUN_MS : 0)
}

const MAX_BACK_OFF_MS = 600_000
const MAX_PAUSE_MS = 60_000

/** A second after the first failure, then twice as long each time. */
function backOffMs(failures: number, most = MAX_BACK_OFF_MS): number {
  return withJitter(Math.min(1_000 * 2 ** failures, most), Math.random())
}

function wordsOf(state: { readonly mode: string; readonly isActive: boolean } | null): string {
  return state === null ? 'that there is none' : `${state.isActive ? 'active' : 'inactive'} ${state.mode}`
}
