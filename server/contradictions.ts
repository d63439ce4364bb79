import type { Config, Environment } from './config.ts'
import { lmsContradictions } from './lms/settings.ts'

/** Tells of settings that cannot be together, before they are read. */
export function contradictions(env: Environment): string[] {
  const problems: string[] = []
  if (env['INTERNAL_SOCKET'] !== undefined) {
    for (const key of ['INTERNAL_HOST', 'INTERNAL_PORT']) {
      if (env[key] !== undefined) problems.push(`${key} has no meaning beside INTERNAL_SOCKET: set one of the two`)
    }
  }
  if (env['DATABASE_URL'] !== undefined && env['EMBARGO'] === 'on' && env['GEOIP_DATABASE'] === undefined) {
    problems.push('GEOIP_DATABASE is required with EMBARGO=on and DATABASE_URL: the path of an .mmdb file')
  }
  return [...problems, ...lmsContradictions(env)]
}

/** Tells of settings that were read and have the same value where they must not. */
export function clash({ publicAddress: outside, privateAddress: inside }: Config): string[] {
  if ('socketPath' in inside || outside.port === 0) return []
  if (outside.host !== inside.host || outside.port !== inside.port) return []
  return [`INTERNAL_PORT must differ from PORT, which is ${outside.port} too`]
}
