import type { CredentialKind } from './operation.ts'

/** The ways to say who asks (rest-v1 §2.1, §2.5, D8, D9, D16). */
export const securitySchemes = {
  jwt: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: 'The text `JWT`, a space, and a token of the platform.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'The same token, or an opaque one of the LMS where those are known.',
  },
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'X-Edx-Api-Key',
    description: 'For other services of the platform; never throttled.',
  },
  jwtCookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'edx-jwt-cookie-header-payload',
    description: 'Header and payload of a token, for pages in a browser.',
  },
  jwtCookieSignature: {
    type: 'apiKey',
    in: 'cookie',
    name: 'edx-jwt-cookie-signature',
    description: 'The signature of that token.',
  },
  useJwtCookie: {
    type: 'apiKey',
    in: 'header',
    name: 'USE-JWT-COOKIE',
    description: 'The text `true`, beside the cookies.',
  },
  csrfToken: {
    type: 'apiKey',
    in: 'header',
    name: 'X-CSRFToken',
    description: 'The value of the cookie `csrftoken`, for changes by cookies.',
  },
} as const

type Requirement = Partial<Record<keyof typeof securitySchemes, readonly []>>

/** What one of has to be there. */
export function requirements(kinds: readonly CredentialKind[], { isChange }: { isChange: boolean }): Requirement[] {
  const cookies = { jwtCookie: [], jwtCookieSignature: [], useJwtCookie: [] } as const
  const ways: Record<CredentialKind, Requirement[]> = {
    token: [{ jwt: [] }, { bearer: [] }],
    cookies: [isChange ? { ...cookies, csrfToken: [] } : cookies],
    apiKey: [{ apiKey: [] }],
  }
  return kinds.flatMap((kind) => ways[kind])
}
