import type { ConnectionOptions } from 'mysql2/promise'

/**
 * How to connect to the database of an LMS (lms.md A.0): utf8mb4, instants, decimals and large numbers as text. A session is in UTC
 * once it has run {@link IN_UTC}.
 *
 * @param url `mysql://user:password@host:3306/edxapp`
 */
export function connectionOptions(url: string): ConnectionOptions {
  return {
    uri: url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
    enableKeepAlive: true,
  }
}

export const IN_UTC = "set time_zone = '+00:00'"
