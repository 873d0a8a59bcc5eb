//! People who do not exist: every name says that it is made up, and every number is one that nobody was given.

use super::chance::Chance;

/// Somebody, made up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Họ.
    pub family: &'static str,
    /// Tên đệm.
    pub middle: &'static str,
    /// Tên.
    pub given: &'static str,
    /// Whether it is a woman or a girl.
    pub female: bool,
    /// Tells people of one kind apart.
    pub number: u32,
}

const FAMILIES: [&str; 9] = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "K'", "Ka"];
/// Words for what is made up: trial, sample, example, illustration.
const GIVEN: [&str; 8] = ["Thử", "Mẫu", "Nghiệm", "Ví Dụ", "Minh Họa", "Giả Định", "Không Có", "Thí Dụ"];

impl Person {
    /// Somebody with this number.
    pub fn draw(chance: &mut Chance, number: u32) -> Self {
        let female = chance.below(2) == 0;
        let family = FAMILIES[chance.below(FAMILIES.len())];
        // Names of the K'Ho and the Mạ have no middle part.
        let middle = match family {
            "K'" | "Ka" => "",
            _ if female => "Thị",
            _ => "Văn",
        };
        let family = match family {
            "K'" | "Ka" if female => "Ka",
            "K'" | "Ka" => "K'",
            family => family,
        };
        Self { family, middle, given: GIVEN[chance.below(GIVEN.len())], female, number }
    }

    /// The whole name, with the number as its last part.
    pub fn full_name(&self) -> String {
        let parts = [self.family, self.middle, self.given].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        format!("{} {}", parts.join(" ").replace("K' ", "K'"), self.number)
    }

    /// Số định danh cá nhân: 12 digits. No province has the code 000.
    pub fn national_id(&self) -> String {
        format!("000{:09}", self.number)
    }

    /// A telephone number under a prefix that no operator has.
    pub fn phone(&self) -> String {
        format!("0000{:06}", self.number % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_plainly_made_up() {
        let people: Vec<Person> = (0..500).map(|number| Person::draw(&mut Chance::new(1, &[number.into()]), number)).collect();
        for person in &people {
            let name = person.full_name();
            assert!(GIVEN.iter().any(|given| name.contains(given)) && name.ends_with(&format!(" {}", person.number)), "{name}");
            assert!(!name.contains("  ") && !name.contains("K' "), "{name}");
            assert_eq!((person.national_id().len(), &person.national_id()[..3]), (12, "000"));
            assert_eq!((person.phone().len(), &person.phone()[..4]), (10, "0000"));
        }
        let names = |wanted: &str| people.iter().filter(|person| person.full_name().starts_with(wanted)).count();
        assert!(names("K'") > 10 && names("Ka ") > 10 && names("Nguyễn Thị") > 10 && names("Nguyễn Văn") > 10);
    }
}
