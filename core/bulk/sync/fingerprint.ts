import { createHash } from 'node:crypto'
import type { ChangeKind } from '../../enrollment/command.ts'

/** A change that a plan is going to make. */
export interface PlannedChange {
  readonly userId: number
  readonly courseId: string
  readonly kind: ChangeKind
  readonly before: { readonly mode: string; readonly isActive: boolean } | null
  readonly after: { readonly mode: string; readonly isActive: boolean }
}

export interface Fingerprint {
  add(change: PlannedChange): void
  /** @returns equal for equal changes, in whatever order they were added. */
  text(): string
}

/** The fingerprint of a plan (bulk.md §3). What stays as it is is no part of it, nor are refused lines. */
export function createFingerprint(): Fingerprint {
  let sum = 0n
  return {
    // A sum has no order, and unlike an exclusive or it counts what comes twice.
    add: ({ userId, courseId, kind, before, after }) => {
      const text = JSON.stringify([userId, courseId, kind, before?.mode, before?.isActive, after.mode, after.isActive])
      sum += BigInt(`0x${createHash('sha256').update(text).digest('hex')}`)
    },
    text: () => (sum & LAST_256_BITS).toString(16).padStart(64, '0'),
  }
}

const LAST_256_BITS = (1n << 256n) - 1n
