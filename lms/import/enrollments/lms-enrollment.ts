import type { Attribute } from '../../../core/enrollment/attributes.ts'
import { isStorableText } from '../../../core/text.ts'
import { instantFromMysql } from '../../source/instant.ts'
import type { LmsRow } from '../../source/source.ts'
import type { HistoryRow } from './fold-history.ts'

export const ENROLLMENTS = 'student_courseenrollment'
export const ATTRIBUTES = 'student_courseenrollmentattribute'
export const HISTORY = 'student_courseenrollment_history'

export const ENROLLMENT_COLUMNS = ['id', 'user_id', 'course_id', 'created', 'is_active', 'mode'] as const

/** An enrollment of the LMS, as it can be here. */
export interface LmsEnrollment {
  readonly id: number
  readonly userId: number
  /** As it is written there. */
  readonly courseText: string
  readonly mode: string
  readonly isActive: boolean
  /** ISO 8601; null: the LMS does not say. */
  readonly created: string | null
  /** Without those that a later one of the same name supersedes. */
  readonly attributes: readonly Attribute[]
  /** What is known of it before; empty where nobody asks. */
  readonly history: readonly HistoryRow[]
  /** The instant from which it is known, where {@link created} is null. */
  readonly earliest: string | null
  /** What had to be bent. */
  readonly bent: readonly string[]
  /** All that the LMS has. */
  readonly content: LmsRow
  /** Rows of the history that came with it, and of the attributes, whole: where it is left aside they are too. */
  readonly companions: readonly Companion[]
}

/** A row that belongs to an enrollment. */
export interface Companion {
  readonly table: typeof ATTRIBUTES | typeof HISTORY
  readonly primaryKey: string
  readonly content: LmsRow
}

/** The mode of an enrollment that has none: the LMS means its default. */
const MODE_OF_NONE = 'audit'
const MAX_MODE_LENGTH = 100

/** The mode as it is kept here. Pure. */
export function modeOf(text: string): string {
  return [...withoutNul(text)].slice(0, MAX_MODE_LENGTH).join('') || MODE_OF_NONE
}

/** Text as PostgreSQL can store it. */
export function withoutNul(text: string): string {
  return isStorableText(text) ? text : text.replaceAll('\0', '').toWellFormed()
}

/** What a row says of itself. Pure. */
export function enrollmentOf(
  content: LmsRow,
): Omit<LmsEnrollment, 'attributes' | 'history' | 'companions' | 'earliest'> {
  const text = String(content['mode'] ?? '')
  const mode = modeOf(text)
  const created = instantFromMysql(content['created'])
  const bent: string[] = []
  if (text !== mode)
    bent.push(text === '' ? `it has no mode: '${MODE_OF_NONE}' here` : 'the mode cannot be kept as it is')
  return {
    id: Number(content['id']),
    userId: Number(content['user_id']),
    courseText: String(content['course_id']),
    mode,
    isActive: Number(content['is_active']) !== 0,
    created,
    bent,
    content,
  }
}
