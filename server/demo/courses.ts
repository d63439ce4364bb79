import type { LineInput } from '../../core/import-export/lines.ts'
import { days } from './days.ts'

type CourseLine = LineInput<'course'>
type ModeLine = LineInput<'mode'>

interface Run {
  readonly course: Omit<CourseLine, 'type'>
  readonly modes: readonly Omit<ModeLine, 'type' | 'courseId'>[]
}

const audit = { slug: 'audit', name: 'Audit' }
const honor = { slug: 'honor', name: 'Honor Code Certificate' }

function verified(minPrice: number, sku: string, expires: string | null) {
  return {
    slug: 'verified',
    name: 'Verified Certificate',
    minPrice,
    suggestedPrices: [minPrice, 2 * minPrice, 3 * minPrice].join(','),
    expires,
    description: 'Identity check and a certificate to share',
    sku,
    bulkSku: `${sku}-BULK`,
  }
}

/** The course runs of the demo catalogue with their modes. */
export function courseRuns(now: Date): { courses: CourseLine[]; modes: ModeLine[] } {
  const all = [...openRuns(now), ...specialRuns(now)]
  return {
    courses: all.map(({ course }) => ({ type: 'course', ...course })),
    modes: all.flatMap(({ course: { courseId }, modes }) => modes.map((mode) => ({ type: 'mode', courseId, ...mode }))),
  }
}

function openRuns(now: Date): Run[] {
  const at = (offset: number) => days(now, offset)
  return [
    {
      course: {
        courseId: 'course-v1:edX+DemoX+2026',
        displayName: 'Demonstration Course',
        start: at(-60),
        selfPaced: true,
      },
      modes: [audit, verified(49, 'DEMO-V', at(180)), honor],
    },
    {
      course: {
        courseId: 'course-v1:LindenU+HIST201+Spring',
        displayName: 'Cities and Their Histories',
        start: at(-14),
        end: at(90),
        enrollmentStart: at(-60),
        enrollmentEnd: at(30),
      },
      modes: [audit, verified(99, 'HIST201-V', at(21))],
    },
    {
      course: {
        courseId: 'course-v1:NorthbayX+PY101+R3',
        displayName: 'Programming from Scratch with Python',
        start: at(-30),
        end: at(150),
        selfPaced: true,
      },
      modes: [audit, verified(149, 'PY101-V', at(120))],
    },
    {
      course: {
        courseId: 'course-v1:OpenHarbor+LANG110+Always',
        displayName: 'Spanish for Beginners',
        start: at(-300),
        selfPaced: true,
      },
      modes: [audit, honor],
    },
    {
      course: {
        courseId: 'course-v1:OpenHarbor+ORIENT+Always',
        displayName: 'How to Learn Online',
        start: at(-400),
        selfPaced: true,
      },
      // None at all: the default mode of the site stands in.
      modes: [],
    },
    {
      // A key of the old style.
      course: {
        courseId: 'edX/DemoX/Demo_Course',
        displayName: 'Demonstration Course, First Edition',
        start: at(-2000),
      },
      modes: [audit, honor],
    },
  ]
}

function specialRuns(now: Date): Run[] {
  const at = (offset: number) => days(now, offset)
  return [
    {
      // Closed: the window has ended.
      course: {
        courseId: 'course-v1:LindenU+HIST201+Autumn',
        displayName: 'Cities and Their Histories',
        start: at(-200),
        end: at(-90),
        enrollmentStart: at(-260),
        enrollmentEnd: at(-180),
      },
      modes: [audit, verified(99, 'HIST201-V-A', at(-185))],
    },
    {
      // In the future: the window has not started.
      course: {
        courseId: 'course-v1:NorthbayX+AI210+R1',
        displayName: 'Machine Learning, Step by Step',
        start: at(75),
        end: at(180),
        enrollmentStart: at(30),
        enrollmentEnd: at(90),
      },
      modes: [audit, verified(199, 'AI210-V', at(85))],
    },
    {
      // Full: each seat is taken.
      course: {
        courseId: 'course-v1:TidewaterTech+ROBO120+Workshop',
        displayName: 'Robotics Workshop',
        start: at(10),
        end: at(40),
        maxEnrollments: 8,
      },
      modes: [audit, verified(129, 'ROBO120-V', at(9))],
    },
    {
      // By invitation only.
      course: {
        courseId: 'course-v1:OpenHarbor+TEACH500+Invited',
        displayName: 'Teaching Teachers',
        start: at(-7),
        end: at(120),
        invitationOnly: true,
      },
      modes: [audit],
    },
    {
      // Open, but too late for a verified certificate.
      course: {
        courseId: 'course-v1:LindenU+ART115+Spring',
        displayName: 'Drawing What You See',
        start: at(-45),
        end: at(45),
      },
      modes: [audit, verified(79, 'ART115-V', at(-10))],
    },
    {
      // For professionals only.
      course: {
        courseId: 'course-v1:NorthbayX+CLOUD900+Pro',
        displayName: 'Running Services in the Cloud',
        start: at(-5),
        selfPaced: true,
      },
      modes: [
        { slug: 'professional', name: 'Professional Certificate', minPrice: 499, sku: 'CLOUD900-P' },
        { slug: 'no-id-professional', name: 'Professional Education', minPrice: 449, sku: 'CLOUD900-N' },
      ],
    },
    {
      // For credit.
      course: {
        courseId: 'course-v1:TidewaterTech+MATH240+Credit',
        displayName: 'Calculus for Engineers',
        start: at(-20),
        end: at(100),
        enrollmentStart: at(-80),
        enrollmentEnd: at(20),
      },
      modes: [
        audit,
        verified(159, 'MATH240-V', at(15)),
        { slug: 'credit', name: 'Credit', minPrice: 320, sku: 'MATH240-C', expires: at(100) },
      ],
    },
  ]
}
