import type { LineInput } from '../../core/import-export/lines.ts'

type UserLine = LineInput<'user'>

/** All accounts of the demo catalogue: the learners and those who run the site. */
export function accounts(): UserLine[] {
  return [
    { type: 'user', username: 'staff', email: 'staff@example.com', name: 'Site Staff', isStaff: true },
    {
      type: 'user',
      username: 'admin',
      email: 'admin@example.com',
      name: 'Site Admin',
      isStaff: true,
      isSuperuser: true,
    },
    { type: 'user', username: 'instructor', email: 'instructor@example.com', name: 'Ines Marchetti', country: 'IT' },
    { type: 'user', username: 'retirement_service_worker', email: 'retirement@example.com', name: 'Retirement Worker' },
    ...learners(),
  ]
}

/** A hundred learners. */
export function learners(): UserLine[] {
  const firsts: UserLine[] = [
    {
      type: 'user',
      username: 'alice',
      email: 'alice@example.com',
      name: 'Alice Arden',
      country: 'GB',
      yearOfBirth: 1994,
    },
    { type: 'user', username: 'bob', email: 'bob@example.com', name: 'Bob Brandt', country: 'DE', yearOfBirth: 1988 },
  ]
  return [...firsts, ...PEOPLE.trim().split('\n').map(learner)]
}

function learner(entry: string, index: number): UserLine {
  const [name = '', country = '', written = name] = entry.split('|').map((part) => part.trim())
  const latin = name
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ø', 'o')
    .replaceAll('ł', 'l')
    .replaceAll('Ł', 'L')
  const words = latin
    .toLowerCase()
    .replaceAll(/[^a-z ]/g, '')
    .split(' ')
  return {
    type: 'user',
    username: words.join('_'),
    email: `${words.join('.')}@example.${index % 4 === 3 ? 'org' : 'com'}`,
    name: written,
    country,
    yearOfBirth: 1958 + ((index * 37) % 48),
    isActive: index % 25 !== 24,
  }
}

/** Name in Latin letters, country and, where it differs, the name as its owner writes it. All invented. */
const PEOPLE = `
Amara Okafor|NG
Leila Haddad|LB
Henrik Lund|DK
Tomás Novák|CZ
Hanako Yamada|JP|山田 花子
Mateo Quiroga|AR
Priya Raman|IN
Jonas Weber|DE
Chloé Marchand|FR
Kwame Asante|GH
Sofia Lindqvist|SE
Diego Herrera|MX
Mei Lin Chen|TW|陳美玲
Oliver Hartley|GB
Fatima Zahra Idrissi|MA
Lucas Ferreira|BR
Anneke de Vries|NL
Dmytro Kovalenko|UA|Дмитро Коваленко
Grace Muthoni|KE
Ethan Caldwell|US
Yara Nassar|JO|يارا نصار
Piotr Zieliński|PL
Ingrid Solheim|NO
Carlos Benítez|CO
Aisha Bello|NG
Noah Fitzgerald|IE
Camila Rojas|CL
Minh Anh Tran|VN|Trần Minh Anh
Elif Demir|TR
Samuel Osei|GH
Marta Kowalczyk|PL
Arjun Mehta|IN
Isabelle Fournier|CA
Rafael Moreira|PT
Nadya Ilieva|BG|Надя Илиева
Thabo Dlamini|ZA
Clara Schneider|AT
Javier Ibáñez|ES
Sunita Gurung|NP
Liam Donnelly|IE
Zeynep Aydın|TR
Andrei Popescu|RO
Wanjiru Kamau|KE
Hugo Lefebvre|BE
Siti Rahmawati|ID
Jack Thornbury|AU
Eleni Papadaki|GR|Ελένη Παπαδάκη
Óscar Villanueva|PE
Marie Søndergaard|DK
Imran Qureshi|PK
Beatriz Carvalho|BR
Bence Somogyi|HU
Lerato Mokoena|ZA
Daniel Ashworth|NZ
Ji Woo Han|KR|한지우
Rosa Delgado|EC
Bjartur Hallsson|IS
Farah Siddiqui|BD
Nikolai Sørensen|NO
Valentina Conti|IT
Emeka Nwosu|NG
Hana Suzuki|JP|鈴木 羽奈
Pieter van Wessem|NL
Lucía Fuentes|UY
Karan Bedi|IN
Aino Virtanen|FI
Teresa Silvestri|IT
Youssef Mansour|EG|يوسف منصور
Katarína Blahová|SK
Miguel Arriaga|MX
Abigail Prescott|US
Ravi Wickramasinghe|LK
Marek Dvořák|CZ
Olena Shevchuk|UA|Олена Шевчук
Joaquín Peralta|BO
Astrid Bergman|SE
Tunde Adeyemi|NG
Chiara Bellini|CH
Nguyen Thi Hoa|VN|Nguyễn Thị Hoa
Maeve Gallagher|IE
Goran Stankov|RS
Ana Paula Teixeira|PT
Haruto Mori|JP|森 陽斗
Salma Benali|DZ
Connor Blackwood|CA
Ilse Vermeulen|BE
Bongani Ncube|ZW
Sara Lindholm|FI
Paulo Nogueira|AO
Rina Kartika|ID
Timur Akhmetov|KZ
Megan Whitlock|AU
Xin Yi Goh|SG|吴欣怡
Esteban Cordero|CR
Laila Rahimi|AF
Jakub Wójcik|PL
Freya Nielsen|DK
Osman Idrees|SD
`
