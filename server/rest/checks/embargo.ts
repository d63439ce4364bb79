import type { FastifyBaseLogger } from 'fastify'
import type { Kysely } from 'kysely'
import {
  embargoRules,
  judgeAddresses,
  judgeCountries,
  type EmbargoRule,
  type EmbargoVerdict,
  type PlatformEmbargo,
} from '../../../core/access/embargo/rules.ts'
import { readEmbargoedLearner } from '../../../core/access/embargo/learner.ts'
import type { CourseKey } from '../../../core/course/key.ts'
import type { DB } from '../../../core/database/schema.ts'
import type { EmbargoConfig } from '../../config-parts.ts'
import { Refusal, type ViewResponse } from '../django/response.ts'
import { openGeoip, type CountryOf } from './geoip.ts'

/** An enrollment that somebody asks for. */
export interface EmbargoedEnrollment {
  readonly courseKey: CourseKey
  /** Who is to be enrolled. */
  readonly learner: { readonly id: number; readonly userId: number }
  /** Whether the learner is known to be global staff by more than their account. */
  readonly isGlobalStaff: boolean
  /** Everybody whom the request came through and who is trusted to say so, and whom it came from. */
  readonly addresses: readonly (string | null)[]
  /** The absolute address that was asked for. */
  readonly url: string
  readonly log: FastifyBaseLogger
}

/** Lets an enrollment pass, or throws {@link Refusal} 403 (rest-v1 §1.14, §3.2 row 8). */
export type EmbargoCheck = (enrollment: EmbargoedEnrollment) => Promise<void>

/**
 * Makes the embargo of the settings; null where it is off.
 *
 * @throws {GeoipError} when the database of countries cannot be used.
 */
export async function openEmbargoCheck(db: Kysely<DB>, config: EmbargoConfig): Promise<EmbargoCheck | null> {
  if (!config.on) return null
  const countryOf = await openGeoip(config.geoipDatabase)
  return embargoCheck(db, { countryOf, baseUrl: config.baseUrl })
}

/** The same over any source of countries. */
export function embargoCheck(
  db: Kysely<DB>,
  { countryOf, baseUrl }: { countryOf: CountryOf; baseUrl?: string | undefined },
): EmbargoCheck {
  const rules = embargoRules(db)
  return async ({ courseKey, learner, isGlobalStaff, addresses, url, log }) => {
    const rule = await rules.of(courseKey.stored)
    const platform = await rules.platform()
    const verdict = judgeAddresses(platform, addresses) ?? (await byCountry(platform, rule))
    if (verdict.passes) return
    const { because } = verdict
    log.info({ userId: learner.userId, courseId: courseKey.text, because }, 'enrollment refused by the embargo')
    throw new Refusal(
      blocked(courseKey.text, `${baseUrl ?? originOf(url)}${messagePath(rule?.messageKey ?? 'default')}`),
    )

    async function byCountry(ofAll: PlatformEmbargo, ofRun: EmbargoRule | null): Promise<EmbargoVerdict> {
      if (ofRun === null && ofAll.countries.length === 0) return { passes: true }
      const course = { key: courseKey.stored, org: courseKey.org }
      const person = await readEmbargoedLearner(db, learner.id, course)
      if (person.isAuthor || isGlobalStaff) return { passes: true }
      // Nobody can tell where a request comes from whose address is none: such a one may be made to look so.
      if (addresses.includes(null)) return { passes: false, because: null }
      return judgeCountries(ofAll, ofRun, [...addresses.map(countryOf), person.country])
    }
  }
}

function blocked(courseId: string, messageUrl: string): ViewResponse {
  const text = `Users from this location cannot access the course '${courseId}'.`
  return { status: 403, body: { message: text, user_message_url: messageUrl } }
}

function messagePath(key: string): string {
  return `/embargo/blocked-message/enrollment/${encodeURIComponent(key)}/`
}

/** Scheme and host as they were sent, with the port where there was one. */
function originOf(url: string): string {
  return /^[a-z]+:\/\/[^/]*/.exec(url)?.[0] ?? ''
}
