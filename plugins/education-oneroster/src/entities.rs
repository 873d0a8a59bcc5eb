//! The files that are read, by the CSV bindings of OneRoster 1.1 and 1.2. Columns have the standard's names, the second name of a
//! column is that of OneRoster 1.0. What must be in a row that is not deleted stands behind `required`.

use lienthong_sdk::table;

use crate::value;

/// The place of each column that all files have.
pub(crate) const SOURCED_ID: usize = 0;
pub(crate) const STATUS: usize = 1;
pub(crate) const DATE_LAST_MODIFIED: usize = 2;

/// A table with the columns that all files have.
macro_rules! entity {
    ($(#[$doc:meta])* $name:ident, $file:literal => $port:literal, required $required:tt { $($columns:tt)* }) => {
        table! {
            $(#[$doc])*
            $name, $file => $port, required $required {
                sourced_id ["sourcedId"]: Option<&'r str> = id,
                status: Option<&'r str> = status,
                date_last_modified ["dateLastModified"]: Option<String> = moment,
                $($columns)*
            } made {}
        }
    };
}

entity! {
    /// A school year, or a part of one.
    AcademicSession, "academicSessions.csv" => "academic-sessions", required ["sourcedId", "title", "type", "startDate", "endDate"] {
        title: Option<&'r str> = text,
        r#type ["type"]: Option<&'r str> = session_type,
        start_date ["startDate"]: Option<String> = date,
        end_date ["endDate"]: Option<String> = date,
        parent_sourced_id ["parentSourcedId"]: Option<&'r str> = id,
        school_year ["schoolYear"]: Option<u32> = year,
    }
}

entity! {
    /// A school, or what it belongs to.
    Org, "orgs.csv" => "orgs", required ["sourcedId", "name", "type"] {
        name: Option<&'r str> = text,
        r#type ["type"]: Option<&'r str> = org_type,
        identifier: Option<&'r str> = id,
        parent_sourced_id ["parentSourcedId"]: Option<&'r str> = id,
    }
}

entity! {
    /// What is taught.
    Course, "courses.csv" => "courses", required ["sourcedId", "title", "orgSourcedId"] {
        school_year_sourced_id ["schoolYearSourcedId", "schoolYearId"]: Option<&'r str> = id,
        title: Option<&'r str> = text,
        course_code ["courseCode"]: Option<&'r str> = id,
        grades ["grades", "grade"]: Vec<&'r str> = list,
        org_sourced_id ["orgSourcedId"]: Option<&'r str> = id,
        subjects: Vec<&'r str> = list,
        subject_codes ["subjectCodes"]: Vec<&'r str> = list,
    }
}

entity! {
    /// A course as it is taught to a group.
    Class, "classes.csv" => "classes",
    required ["sourcedId", "title", "courseSourcedId", "classType", "schoolSourcedId", "termSourcedIds"] {
        title: Option<&'r str> = text,
        grades ["grades", "grade"]: Vec<&'r str> = list,
        course_sourced_id ["courseSourcedId"]: Option<&'r str> = id,
        class_code ["classCode"]: Option<&'r str> = id,
        class_type ["classType"]: Option<&'r str> = class_type,
        location: Option<&'r str> = text,
        school_sourced_id ["schoolSourcedId"]: Option<&'r str> = id,
        term_sourced_ids ["termSourcedIds", "termSourcedId"]: Vec<&'r str> = list,
        subjects: Vec<&'r str> = list,
        subject_codes ["subjectCodes"]: Vec<&'r str> = list,
        periods: Vec<&'r str> = list,
    }
}

entity! {
    /// A person. Passwords are not read.
    User, "users.csv" => "users", required ["sourcedId", "username", "givenName", "familyName"] {
        enabled_user ["enabledUser"]: Option<bool> = flag,
        org_sourced_ids ["orgSourcedIds"]: Vec<&'r str> = list,
        role: Option<&'r str> = role,
        username: Option<&'r str> = id,
        user_ids ["userIds", "userId"]: Vec<value::UserId<'r>> = user_ids,
        given_name ["givenName"]: Option<&'r str> = text,
        family_name ["familyName"]: Option<&'r str> = text,
        middle_name ["middleName"]: Option<&'r str> = text,
        identifier: Option<&'r str> = id,
        email: Option<&'r str> = text,
        sms: Option<&'r str> = id,
        phone: Option<&'r str> = id,
        agent_sourced_ids ["agentSourcedIds", "agents"]: Vec<&'r str> = list,
        grades ["grades", "grade"]: Vec<&'r str> = list,
        user_master_identifier ["userMasterIdentifier"]: Option<&'r str> = id,
        preferred_given_name ["preferredGivenName"]: Option<&'r str> = text,
        preferred_middle_name ["preferredMiddleName"]: Option<&'r str> = text,
        preferred_family_name ["preferredFamilyName"]: Option<&'r str> = text,
        primary_org_sourced_id ["primaryOrgSourcedId"]: Option<&'r str> = id,
        pronouns: Option<&'r str> = id,
    }
}

/// What 1.1 wants of users beyond [`User`]; 1.2 says it in roles.csv.
pub(crate) const USER_REQUIRED_IN_1_1: &[&str] = &["enabledUser", "orgSourcedIds", "role"];

entity! {
    /// Who a person is at an organisation.
    Role, "roles.csv" => "roles", required ["sourcedId", "userSourcedId", "roleType", "role", "orgSourcedId"] {
        user_sourced_id ["userSourcedId"]: Option<&'r str> = id,
        role_type ["roleType"]: Option<&'r str> = role_type,
        role: Option<&'r str> = role,
        begin_date ["beginDate"]: Option<String> = date,
        end_date ["endDate"]: Option<String> = date,
        org_sourced_id ["orgSourcedId"]: Option<&'r str> = id,
        user_profile_sourced_id ["userProfileSourcedId"]: Option<&'r str> = id,
    }
}

entity! {
    /// Who is in which class.
    Enrollment, "enrollments.csv" => "enrollments", required ["sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId", "role"] {
        class_sourced_id ["classSourcedId"]: Option<&'r str> = id,
        school_sourced_id ["schoolSourcedId"]: Option<&'r str> = id,
        user_sourced_id ["userSourcedId"]: Option<&'r str> = id,
        role: Option<&'r str> = role,
        primary: Option<bool> = flag,
        begin_date ["beginDate"]: Option<String> = date,
        end_date ["endDate"]: Option<String> = date,
    }
}

entity! {
    /// What was marked.
    LineItem, "lineItems.csv" => "line-items", required ["sourcedId", "title", "classSourcedId"] {
        title: Option<&'r str> = text,
        description: Option<&'r str> = comment,
        assign_date ["assignDate"]: Option<String> = date,
        due_date ["dueDate"]: Option<String> = date,
        class_sourced_id ["classSourcedId"]: Option<&'r str> = id,
        category_sourced_id ["categorySourcedId"]: Option<&'r str> = id,
        grading_period_sourced_id ["gradingPeriodSourcedId"]: Option<&'r str> = id,
        academic_session_sourced_id ["academicSessionSourcedId"]: Option<&'r str> = id,
        school_sourced_id ["schoolSourcedId"]: Option<&'r str> = id,
        result_value_min ["resultValueMin"]: Option<f64> = number,
        result_value_max ["resultValueMax"]: Option<f64> = number,
    }
}

entity! {
    /// A mark.
    Mark, "results.csv" => "results", required ["sourcedId", "lineItemSourcedId", "studentSourcedId", "scoreStatus", "scoreDate"] {
        line_item_sourced_id ["lineItemSourcedId"]: Option<&'r str> = id,
        student_sourced_id ["studentSourcedId"]: Option<&'r str> = id,
        score_status ["scoreStatus"]: Option<&'r str> = score_status,
        score: Option<f64> = number,
        text_score ["textScore"]: Option<&'r str> = text,
        score_date ["scoreDate"]: Option<String> = date,
        comment: Option<&'r str> = comment,
        class_sourced_id ["classSourcedId"]: Option<&'r str> = id,
        in_progress ["inProgress"]: Option<bool> = flag,
        incomplete: Option<bool> = flag,
        late: Option<bool> = flag,
        missing: Option<bool> = flag,
    }
}
