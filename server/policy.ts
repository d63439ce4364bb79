import type { FastifyBaseLogger } from 'fastify'
import type { Policy } from '../core/policy.ts'
import type { Config } from './config.ts'

/** What the site decides, with a filter that fails told to the log. */
export function sitePolicy({ policy }: Pick<Config, 'policy'>, log: FastifyBaseLogger): Policy {
  return {
    onFilterError: (filter, err) => log.error({ filter: filter.name, err }, 'enrollment filter failed'),
    ...policy,
  }
}
