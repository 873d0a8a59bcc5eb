//! Findings in Vietnamese, the twin of [`english`](super::english).

use lienthong_core::manifest::Interface;

use super::english::long;
use super::findings::Hint;
use super::node::Shape;
use super::problem::{BucketFault, Distrust, EgressFault, EndpointFault, Problem, SettingFault, SyntaxKind, Thing, Unit, shown};
use super::quantity;

pub(super) fn count(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (0, w) => format!("{w} cảnh báo"),
        (e, 0) => format!("{e} lỗi"),
        (e, w) => format!("{e} lỗi, {w} cảnh báo"),
    }
}

pub(super) fn hint(hint: &Hint) -> String {
    match hint {
        Hint::Nearest(name) => format!("có phải ý bạn là `{name}`?"),
        Hint::Known(names) if names.is_empty() => "hiện chưa khai báo mục nào".into(),
        Hint::Known(names) => format!("hiện có: {}", list(names)),
    }
}

fn list(names: &[String]) -> String {
    let mut out = names.iter().take(12).map(|name| format!("`{}`", shown(name))).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        out.push_str(&format!(" và {} mục nữa", names.len() - 12));
    }
    out
}

fn thing(thing: Thing) -> &'static str {
    match thing {
        Thing::Agency => "cơ quan",
        Thing::Channel => "kênh",
        Thing::Connector => "bộ kết nối",
        Thing::Plugin => "plugin",
        Thing::Port => "cổng",
        Thing::Route => "tuyến",
        Thing::Schema => "lược đồ",
    }
}

fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Null => "để trống",
        Shape::Text => "một chuỗi",
        Shape::Boolean => "true hoặc false",
        Shape::List => "một danh sách",
        Shape::Map => "các khóa kèm giá trị",
    }
}

pub(super) fn message(problem: &Problem) -> String {
    match problem {
        Problem::Folder { path, why } => format!("không đọc được thư mục của thành phố `{}`: {}", shown(path), shown(why)),
        Problem::NoCityFile => "thư mục không có tệp `city.yaml`".into(),
        Problem::Unreadable { why } => format!("không đọc được tệp: {}", shown(why)),
        Problem::NotAFile => "đây không phải là một tệp thông thường".into(),
        Problem::TooLarge { limit } => format!("tệp lớn hơn {}", quantity(*limit, Unit::Bytes)),
        Problem::TooManyFiles { limit } => format!("thư mục có hơn {limit} tệp cấu hình"),
        Problem::NotUtf8 => "từ vị trí này tệp không còn là UTF-8".into(),
        Problem::YmlExtension => "tệp sẽ bị bỏ qua vì tên kết thúc bằng `.yml`".into(),
        Problem::FileName { stem } => format!("`{}` không thể là tên lĩnh vực, mà tên tệp chính là tên lĩnh vực", shown(stem)),
        Problem::Syntax(kind) => format!("từ vị trí này không đọc được YAML: {}", syntax(kind)),
        Problem::SeveralDocuments => "tài liệu YAML thứ hai bắt đầu ở đây".into(),
        Problem::TooDeep { limit } => format!("danh sách và khóa lồng nhau quá {limit} cấp"),
        Problem::TooManyNodes { limit } => format!("tệp có hơn {limit} giá trị, kể cả phần bí danh trải ra"),
        Problem::Tag(tag) => format!("nhãn `{}` không có ý nghĩa ở đây", shown(tag)),
        Problem::KeyNotText => "khóa phải là một chuỗi".into(),
        Problem::UnknownAnchor(name) => format!("phía trên bí danh này không có mỏ neo `&{}`", shown(name)),
        Problem::AliasInItself => "bí danh này nằm ngay trong mỏ neo mà nó gọi tên".into(),
        Problem::MergeNotMap => "`<<` chỉ gộp được các khóa kèm giá trị".into(),
        Problem::DuplicateKey { key, first } => format!("`{}` được viết hai lần; lần đầu ở dòng {first}", shown(key)),
        Problem::UnknownKey { key } => format!("không có khóa nào tên là `{}`", shown(key)),
        Problem::LaterKey { key } => format!("phiên bản này chưa hỗ trợ `{key}`"),
        Problem::KeyOfOtherFile { key, .. } => format!("`{key}` không thuộc về tệp này"),
        Problem::MissingKey { key } => format!("thiếu `{key}`"),
        Problem::WrongShape { expected, found } => format!("ở đây cần {}, nhưng lại là {}", shape(*expected), shape(*found)),
        Problem::BadId { thing: what, given } => format!("`{}` không phải là tên {} hợp lệ", shown(given), thing(*what)),
        Problem::BadDuration { given } => format!("`{}` không phải là khoảng thời gian", shown(given)),
        Problem::BadSize { given } => format!("`{}` không phải là dung lượng", shown(given)),
        Problem::BadCount { given } => format!("`{}` không phải là số nguyên", shown(given)),
        Problem::OutOfRange { given, min, max, unit } => {
            format!("`{}` nằm ngoài khoảng cho phép: từ {} đến {}", shown(given), quantity(*min, *unit), quantity(*max, *unit))
        }
        Problem::EmptyText => "chuỗi này rỗng".into(),
        Problem::BadAddress { given } => format!("`{}` không phải là địa chỉ để lắng nghe", shown(given)),
        Problem::PlainHttp { address } => {
            format!("{address} mở ra ngoài máy này mà không có TLS: khóa truy cập và bản ghi sẽ truyền qua mạng mà không được mã hóa")
        }
        Problem::PlainMllp { address } => {
            format!("{address} mở ra ngoài máy này mà không có TLS: thông điệp sẽ truyền qua mạng mà không được mã hóa")
        }
        Problem::PlainAndTls => "`plain: true` và `tls` mâu thuẫn với nhau".into(),
        Problem::AnyoneSends { address } => format!("bất kỳ ai kết nối được đến {address} đều có thể gửi thông điệp nhân danh cơ quan"),
        Problem::PeersEmpty => "danh sách rỗng thì không ai được phép kết nối".into(),
        Problem::BadNetwork { given, .. } => format!("`{}` không phải là địa chỉ IP hay dải mạng", shown(given)),
        Problem::NoTlsFile { path, why } => format!("không đọc được `{}`: {}", shown(path), shown(why)),
        Problem::NotPem { path, wanted } => format!("`{}` không chứa khối PEM `{wanted}`", shown(path)),
        Problem::BadUntil { given } => format!("`{}` không phải là ngày hay thời điểm", shown(given)),
        Problem::BadAccess { given } => format!("`{}` không phải là một loại quyền", shown(given)),
        Problem::AccessEmpty => "mục cấp quyền này không cho phép gì cả".into(),
        Problem::BadPointer { given } => format!("`{}` không phải là con trỏ JSON", shown(given)),
        Problem::BadPattern { given } => format!("`{}` không phải là mẫu tên tệp", shown(given)),
        Problem::BadInbox { given } => format!("`{}` không thể làm thư mục nhận tệp", shown(given)),
        Problem::BadEgress { given, fault } => format!("egress `{}`: {}", shown(given), egress(*fault)),
        Problem::BadBucket { given, fault } => format!("nơi đặt hồ dữ liệu `{}`: {}", shown(given), bucket(*fault)),
        Problem::BadEndpoint { given, fault } => format!("endpoint `{}` của hồ dữ liệu: {}", shown(given), endpoint(*fault)),
        Problem::BadRegion { given } => format!("`{}` không phải là tên vùng (region)", shown(given)),
        Problem::PlainLake { endpoint } => {
            format!("bản ghi sẽ truyền đến {} mà không được mã hóa", shown(endpoint))
        }
        Problem::NoBucket { key } => format!("`{key}` cho biết cách kết nối đến bucket, nhưng không có `at` để chỉ ra bucket"),
        Problem::NotOneOf { given, .. } => format!("`{}` không phải từ dùng được ở đây", shown(given)),
        Problem::BadPublicKey { given } => format!("`{}` không phải khóa công khai của nhà cung cấp", shown(given)),
        Problem::OnInvalid { given } => format!("phiên bản này chưa hỗ trợ `on_invalid: {}`", shown(given)),
        Problem::WrongDomain { thing: what, id, domain } => format!("{} `{id}` đặt trong tệp của lĩnh vực `{domain}`", thing(*what)),
        Problem::DuplicateId { thing: what, id, first } => {
            format!("{} `{id}` được khai báo hai lần; lần đầu ở {}", thing(*what), shown(first))
        }
        Problem::Unknown { thing: what, id } => match what {
            Thing::Plugin => format!("chưa cài plugin nào tên là `{id}`"),
            Thing::Schema => format!(
                "không có lược đồ `{id}`: chương trình không có sẵn, và trong thư mục của thành phố không có tệp `schemas/{id}.json`"
            ),
            what => format!("không có {} nào tên là `{id}`", thing(*what)),
        },
        Problem::NoPlugins { id, .. } => format!("chưa cài plugin nào tên là `{id}`"),
        Problem::BrokenPlugin { why } => format!("tệp này không chứa plugin dùng được: {}", long(why)),
        Problem::NoTransport => "bộ kết nối chưa có cách nhận dữ liệu".into(),
        Problem::SeveralTransports { keys } => format!("mỗi bộ kết nối chỉ có một cách nhận dữ liệu, ở đây có {}", keys.join(" và ")),
        Problem::LacksInterface { plugin, transport, wanted } => {
            format!("không dùng được plugin `{plugin}` với `{transport}`: plugin này không phải là {}", wanted.as_str())
        }
        Problem::UnknownPort { plugin, port } => format!("plugin `{plugin}` không có cổng `{port}`"),
        Problem::PortNotEmitted { plugin, port, .. } => format!("cổng `{port}` của plugin `{plugin}` chưa dẫn đến kênh nào"),
        Problem::SchemaDiffers { port, wanted, channel, has } => {
            format!("cổng `{port}` cho ra bản ghi theo lược đồ {wanted}, nhưng kênh `{channel}` dùng {has}")
        }
        Problem::Setting { plugin, fault } => format!("thiết lập của plugin `{plugin}`: {}", setting(fault)),
        Problem::SettingsSchema { plugin, why } => format!("lược đồ thiết lập của plugin `{plugin}` không dùng được: {}", shown(why)),
        Problem::Distrusted { plugin, why } => format!("plugin `{plugin}` không được chạy: {}", distrust(why)),
        Problem::HttpNotDeclared { plugin } => format!("plugin `{plugin}` có thể gửi yêu cầu HTTP mà bản kê khai không nói đến"),
        Problem::EgressMissing { plugin } => format!("plugin `{plugin}` lấy dữ liệu qua HTTP, nhưng chưa có `egress` nào cho phép"),
        Problem::EgressUnused { plugin } => format!("plugin `{plugin}` không gửi yêu cầu HTTP nên không cần `egress`"),
        Problem::InboxTaken { path, other } => format!("thư mục nhận tệp `{}` đã thuộc về bộ kết nối `{other}`", shown(path)),
        Problem::PortTaken { address, other: Some(other) } => format!("bộ kết nối `{other}` đã lắng nghe trên {address}"),
        Problem::PortTaken { address, other: None } => format!("chính hệ thống đã lắng nghe trên {address}"),
        Problem::InboxNested { path, other, other_path } => {
            let (path, other_path) = (shown(path), shown(other_path));
            format!("thư mục nhận tệp `{path}` và thư mục `{other_path}` của bộ kết nối `{other}` lồng nhau")
        }
        Problem::UrlNotReached { url } => format!("máy chủ của `{}` không có trong `egress` nên sẽ không lấy được dữ liệu", shown(url)),
        Problem::PointerNotInSchema { pointer, schema } => {
            format!("bản ghi theo lược đồ {schema} không có trường nào tại `{}`", shown(pointer))
        }
        Problem::TimeNotDateTime { pointer, schema } => {
            format!(
                "`{}` của lược đồ {schema} không phải chuỗi `format: date-time`, nên bản ghi sẽ không có thời điểm xảy ra",
                shown(pointer)
            )
        }
        Problem::GrantExpired { until } => format!("mục cấp quyền này đã hết hạn ngày {until} và không còn hiệu lực"),
        Problem::GrantRepeated { first } => format!("cơ quan này đã được cấp quyền cho cùng kênh ở {}", shown(first)),
        Problem::NoWriteGrant { agency, channel, .. } => {
            format!("cơ quan `{agency}` chưa được cấp quyền ghi vào kênh `{channel}` mà bộ kết nối của mình dẫn đến")
        }
        Problem::WriteGrantExpired { agency, channel } => {
            format!("quyền ghi của cơ quan `{agency}` vào kênh `{channel}` đã hết hạn: dữ liệu từ bộ kết nối này sẽ không được nhận")
        }
        Problem::NobodyReads { channel } => format!("chưa ai được đọc kênh `{channel}`"),
        Problem::NobodyWrites { channel } => {
            format!("không có gì ghi vào kênh `{channel}`: không bộ kết nối hay tuyến nào dẫn đến và không mục cấp quyền nào cho ghi")
        }
        Problem::BadBegin { given } => format!("`{}` không phải là điểm bắt đầu", shown(given)),
        Problem::NameTaken { route, first } => {
            format!("bộ kết nối ở {} cũng tên là `{route}`: bản ghi sẽ không cho biết do bên nào ghi", shown(first))
        }
        Problem::ToEmpty => "tuyến này chưa dẫn đến đâu".into(),
        Problem::KeyWithout { key, without: "channel" } => format!("`{key}` không có tác dụng khi tuyến không ghi vào kênh nào"),
        Problem::KeyWithout { key, without } => format!("`{key}` không có tác dụng khi thiếu `{without}`"),
        Problem::PortsWithoutTransform => "cổng là của `transform`, mà tuyến này không có".into(),
        Problem::PortsNeeded { plugin, ports } => {
            let ports = list(&ports.iter().map(ToString::to_string).collect::<Vec<_>>());
            format!("plugin `{plugin}` có các cổng {ports}: cổng nào dẫn đến đâu?")
        }
        Problem::NoTarget { id } => format!("không có kênh hay bộ kết nối chuyển phát nào tên là `{id}`"),
        Problem::TargetAmbiguous { id } => format!("cả một kênh và một bộ kết nối chuyển phát cùng tên là `{id}`"),
        Problem::SinkOfTransform { id } => format!("kết quả biến đổi phải vào một kênh trước, không đi thẳng đến `{id}`"),
        Problem::TargetNoSink { connector, transport } => format!("bộ kết nối `{connector}` dùng `{transport}` nên không chuyển phát gì"),
        Problem::RouteNeedsGrant { agency, channel, write, .. } => {
            let access = if *write { "ghi vào" } else { "đọc" };
            format!("cơ quan `{agency}` chưa được cấp quyền {access} kênh `{channel}` mà tuyến này thực hiện thay mình")
        }
        Problem::RouteGrantExpired { agency, channel, write } => {
            let access = if *write { "ghi vào" } else { "đọc" };
            format!("quyền {access} kênh `{channel}` của cơ quan `{agency}` đã hết hạn: tuyến này sẽ chờ")
        }
        Problem::RouteLoop { path } => {
            let path: Vec<String> = path.iter().map(ToString::to_string).collect();
            format!("bản ghi sẽ chạy vòng mãi: {}", path.join(" → "))
        }
        Problem::SinkUnfed { connector } => format!("không tuyến nào dẫn đến bộ kết nối `{connector}`, nên không có gì được chuyển phát"),
        Problem::SchemaFileName { path } => format!("`{}` không phải là tên tệp lược đồ hợp lệ", shown(path)),
        Problem::SchemaJson { why } => format!("lược đồ không phải là JSON: {}", shown(why)),
        Problem::SchemaBuiltIn { id } => format!("lược đồ {id} là lược đồ có sẵn, không thay thế được"),
        Problem::SchemaKeyword { word } => format!("`{}` không phải là từ khóa của JSON Schema nên không có tác dụng gì", shown(word)),
        Problem::SchemaUnusable { id, pointer, why } => {
            let at = if pointer.is_empty() { String::new() } else { format!(" tại `{}`", shown(pointer)) };
            format!("lược đồ {id} không dùng được{at}: {}", long(why))
        }
        Problem::Incomplete => "không ghép được cấu hình dù không tìm thấy lỗi; đây là khiếm khuyết của chương trình".into(),
    }
}

/// The parser explains itself in English; what people meet is said in Vietnamese, and the rest is kept beside a word of it.
fn syntax(kind: &SyntaxKind) -> String {
    match kind {
        SyntaxKind::TabInIndentation | SyntaxKind::TabInBlockIndentation | SyntaxKind::TabNotAllowed => "có ký tự tab ở chỗ thụt lề".into(),
        SyntaxKind::InvalidIndentation | SyntaxKind::ExpectedBlockMappingKey => "thụt lề không thẳng hàng".into(),
        SyntaxKind::MappingValueNotAllowed => "dấu `:` không được đặt ở đây".into(),
        SyntaxKind::SimpleKeyExpected | SyntaxKind::InvalidSimpleKey => "thiếu dấu `:` sau khóa".into(),
        SyntaxKind::UnclosedQuotedScalar => "dấu nháy chưa đóng".into(),
        SyntaxKind::UnclosedFlowCollection { open } => format!("dấu `{open}` chưa đóng"),
        SyntaxKind::UnexpectedCharacter { character } => format!("ký tự `{}` không được đặt ở đây", shown(&character.to_string())),
        SyntaxKind::ExpectedFlowSequenceSeparator => "thiếu `,` hoặc `]` trong danh sách".into(),
        SyntaxKind::ExpectedFlowMappingSeparator => "thiếu `,` hoặc `}` giữa các khóa".into(),
        SyntaxKind::ExpectedBlockSequenceEntry => "ở đây cần một mục danh sách bắt đầu bằng `-`".into(),
        SyntaxKind::ExpectedNodeContent => "ở đây thiếu giá trị".into(),
        SyntaxKind::ExpectedWhitespace => "thiếu dấu cách".into(),
        SyntaxKind::CommentNotSeparated => "cần có dấu cách trước `#`".into(),
        SyntaxKind::ExpectedDocumentStart | SyntaxKind::InvalidDocumentEnd => "phần nội dung thừa sau khi tài liệu đã kết thúc".into(),
        SyntaxKind::UnexpectedEof
        | SyntaxKind::UnexpectedEofFlowSequence
        | SyntaxKind::UnexpectedEofFlowMapping
        | SyntaxKind::UnexpectedEofImplicitFlowMapping
        | SyntaxKind::UnexpectedEofBlockSequence
        | SyntaxKind::UnexpectedEofBlockMapping => "tệp kết thúc giữa chừng".into(),
        other => format!("lỗi cú pháp ({})", shown(&other.to_string())),
    }
}

fn egress(fault: EgressFault) -> &'static str {
    match fault {
        EgressFault::Form => "không đúng dạng giao thức, tên máy và có thể thêm cổng",
        EgressFault::Extra => "không thể cấp riêng đường dẫn, chuỗi truy vấn hay phân đoạn, chỉ cấp cho cả máy chủ",
        EgressFault::UserInfo => "không được có tên người dùng hay mật khẩu ở đây",
        EgressFault::Wildcard => "không dùng ký tự đại diện; hãy ghi rõ từng máy chủ",
        EgressFault::Host => "tên máy không hợp lệ; viết chữ thường, tên có chữ khác viết dạng `xn--…`",
        EgressFault::Port => "cổng mạng phải là số từ 1 đến 65535",
        EgressFault::PlainName => "HTTP không mã hóa chỉ được phép tới đúng địa chỉ của một máy trong mạng riêng",
        EgressFault::PlainPublic => "không được dùng HTTP không mã hóa tới địa chỉ công cộng",
        EgressFault::PlainNeedsPort => "phải ghi cổng của máy trong mạng riêng",
    }
}

fn distrust(why: &Distrust) -> String {
    match why {
        Distrust::Unsigned => "chưa có chữ ký".into(),
        Distrust::UnknownKey { key } => format!("khóa đã ký ({key}) không có trong danh sách tin cậy của thành phố"),
        Distrust::OtherVendor { trusted, says } => {
            format!("khóa đã ký là của {}, còn bản kê khai ghi nhà cung cấp {}", shown(trusted), shown(says))
        }
    }
}

fn bucket(fault: BucketFault) -> &'static str {
    match fault {
        BucketFault::Form => "không đúng dạng `s3://`, tên bucket và có thể thêm tiền tố",
        BucketFault::Extra => "không được có tên người dùng, mật khẩu, chuỗi truy vấn hay phân đoạn ở đây",
        BucketFault::Name => "tên bucket gồm 3 đến 63 chữ thường không dấu, chữ số, dấu chấm và gạch nối, hai đầu là chữ cái hoặc chữ số",
        BucketFault::Prefix => "mỗi phần của tiền tố gồm chữ cái không dấu, chữ số, và `.`, `-` hoặc `_` ở giữa",
    }
}

fn endpoint(fault: EndpointFault) -> &'static str {
    match fault {
        EndpointFault::Form => "không đúng dạng giao thức, tên máy và có thể thêm cổng",
        EndpointFault::Extra => "không được có đường dẫn, chuỗi truy vấn hay phân đoạn ở đây; tiền tố thuộc về `at`",
        EndpointFault::UserInfo => "không được có tên người dùng hay mật khẩu ở đây",
    }
}

fn setting(fault: &SettingFault) -> String {
    match fault {
        SettingFault::Missing(key) => format!("thiếu `{}`", shown(key)),
        SettingFault::Unknown(key) => format!("không có khóa nào tên là `{}`", shown(key)),
        SettingFault::Type(wanted) => format!("giá trị phải có kiểu {}", shown(wanted)),
        SettingFault::NotOneOf(allowed) => format!("giá trị phải là một trong {}", list(allowed)),
        SettingFault::Pattern(pattern) => format!("giá trị phải khớp mẫu `{}`", shown(pattern)),
        SettingFault::Format(format) => format!("giá trị phải có định dạng `{}`", shown(format)),
        SettingFault::TooSmall(limit) => format!("giá trị quá nhỏ hoặc quá ngắn; tối thiểu là {limit}"),
        SettingFault::TooLarge(limit) => format!("giá trị quá lớn hoặc quá dài; tối đa là {limit}"),
        SettingFault::Other(keyword) => format!("giá trị trái với `{}` của lược đồ", shown(keyword)),
    }
}

/// What to do, where the problem alone says it.
pub(super) fn help(problem: &Problem) -> Option<String> {
    Some(match problem {
        Problem::NoCityFile => "mỗi thành phố bắt đầu bằng tệp `city.yaml` có `title:` và `agencies:`".into(),
        Problem::TooLarge { .. } => "hãy tách mỗi lĩnh vực thành một tệp".into(),
        Problem::NotAFile => "hãy thay bằng một tệp".into(),
        Problem::NotUtf8 => "hãy lưu tệp theo mã UTF-8".into(),
        Problem::YmlExtension => "hãy đổi đuôi tệp thành `.yaml`".into(),
        Problem::FileName { .. } => {
            "đặt tên tệp là `<lĩnh vực>.yaml`: chữ thường không dấu, chữ số và dấu gạch nối đơn, bắt đầu bằng chữ cái".into()
        }
        Problem::Syntax(kind) => match kind {
            SyntaxKind::TabInIndentation | SyntaxKind::TabInBlockIndentation | SyntaxKind::TabNotAllowed => {
                "hãy thụt lề bằng dấu cách; YAML không cho phép tab".into()
            }
            SyntaxKind::InvalidIndentation | SyntaxKind::ExpectedBlockMappingKey => "các khóa cùng cấp phải bắt đầu ở cùng một cột".into(),
            SyntaxKind::MappingValueNotAllowed => "đặt giá trị có chứa `: ` trong dấu nháy".into(),
            SyntaxKind::UnclosedQuotedScalar => "hãy đóng dấu nháy".into(),
            SyntaxKind::UnclosedFlowCollection { open: '{' } => "hãy đóng bằng `}`".into(),
            SyntaxKind::UnclosedFlowCollection { .. } => "hãy đóng bằng `]`".into(),
            SyntaxKind::UnexpectedCharacter { .. } => "hãy đặt giá trị trong dấu nháy".into(),
            _ => return None,
        },
        Problem::SeveralDocuments => "mỗi tệp chỉ một tài liệu: bỏ `---`, hoặc chuyển phần còn lại sang tệp khác".into(),
        Problem::Tag(_) => "hãy bỏ nhãn này".into(),
        Problem::LaterKey { .. } => "tạm thời bỏ đi, hoặc giữ lại dưới dạng chú thích".into(),
        Problem::KeyOfOtherFile { file, .. } => format!("hãy chuyển sang {}", if file.contains('<') { "`<lĩnh vực>.yaml`" } else { file }),
        Problem::BadId { thing: what, .. } => match what {
            Thing::Channel | Thing::Connector | Thing::Route => {
                "viết dạng `lĩnh-vực/tên`, mỗi phần 1 đến 63 chữ thường không dấu, chữ số và dấu gạch nối đơn, bắt đầu bằng chữ cái".into()
            }
            Thing::Schema => "viết dạng `lĩnh-vực/tên.vN`, ví dụ `transport/stops.v1`".into(),
            _ => "dùng 1 đến 63 chữ thường không dấu, chữ số và dấu gạch nối đơn, bắt đầu bằng chữ cái".into(),
        },
        Problem::BadDuration { .. } => "viết số nguyên kèm đơn vị: `250ms`, `30s`, `5m`, `1h`, `7d` hoặc `5y`".into(),
        Problem::BadSize { .. } => "viết số nguyên kèm đơn vị: `64KiB`, `64MiB` hoặc `2GiB`".into(),
        Problem::BadCount { .. } => "viết số nguyên không kèm đơn vị, ví dụ `1000`".into(),
        Problem::BadAddress { .. } => "viết địa chỉ IP và cổng mạng, ví dụ `127.0.0.1:8700` hoặc `[::1]:8700`".into(),
        Problem::PlainHttp { .. } => {
            "thêm `tls: { certificate: …, key: … }`, hoặc `behind_proxy: true` nếu phía trước có proxy xử lý TLS".into()
        }
        Problem::PlainMllp { .. } => {
            "thêm `tls: { certificate: …, key: … }`, hoặc `plain: true` nếu mạng ở giữa đáng tin cậy; `peers: […]` cho biết ai được kết nối"
                .into()
        }
        Problem::PlainAndTls => "hãy bỏ `plain`: khi có `tls`, cổng chỉ dùng TLS".into(),
        Problem::AnyoneSends { .. } => {
            "ghi dải mạng của bên gửi, ví dụ `peers: [\"10.1.2.0/24\"]`, hoặc yêu cầu chứng thư của họ bằng `tls: { clients: … }`".into()
        }
        Problem::PeersEmpty => "ghi rõ ai được kết nối, ví dụ `peers: [\"10.1.2.0/24\"]`, hoặc bỏ `peers`".into(),
        Problem::BadNetwork { meant: Some(meant), .. } => format!("có phải ý bạn là `{meant}`?"),
        Problem::BadNetwork { .. } => "viết một địa chỉ như `10.1.2.3`, hoặc một dải mạng như `10.1.2.0/24`".into(),
        Problem::PortTaken { .. } => "mỗi bộ kết nối dùng một cổng mạng riêng".into(),
        Problem::NoTlsFile { .. } => "đường dẫn tính từ thư mục của thành phố; hệ thống phải có quyền đọc tệp".into(),
        Problem::BadUntil { .. } => "viết ngày cuối cùng còn hiệu lực, ví dụ `2027-12-31`, hoặc thời điểm theo RFC 3339".into(),
        Problem::BadAccess { .. } => "`access` là danh sách gồm `read` và `write`".into(),
        Problem::AccessEmpty => "viết `access: [read]`, hoặc bỏ mục cấp quyền này".into(),
        Problem::BadPointer { .. } => "bắt đầu bằng dấu gạch chéo rồi đến tên thuộc tính: `/station`".into(),
        Problem::BadPattern { .. } => {
            "dùng chữ, `*` thay cho nhiều ký tự và `?` thay cho một ký tự; không có dấu gạch chéo hay ngoặc".into()
        }
        Problem::BadInbox { .. } => {
            "dùng một thư mục riêng, tuyệt đối hoặc nằm trong thư mục dữ liệu: `inbox/air`; không dùng `lake`, `plugins` hay `..`".into()
        }
        Problem::BadEgress { fault: EgressFault::PlainName | EgressFault::PlainPublic, .. } => {
            "viết `https://tên-máy`, hoặc với máy trong mạng nội bộ `http://10.0.0.5:8080`".into()
        }
        Problem::BadEgress { .. } => "viết `https://tên-máy`, `https://tên-máy:cổng` hoặc `http://<IP riêng>:<cổng>`".into(),
        Problem::BadBucket { .. } => "viết `s3://bucket` hoặc `s3://bucket/tiền-tố`".into(),
        Problem::BadEndpoint { .. } => {
            "viết `https://tên-máy`, `https://tên-máy:cổng`, hoặc `http://127.0.0.1:8333` nếu ở ngay máy này".into()
        }
        Problem::BadRegion { .. } => "viết đúng như kho lưu trữ của bạn gọi, ví dụ `ap-southeast-1`".into(),
        Problem::PlainLake { .. } => "dùng `https://`, hoặc thêm `plain: true` nếu mạng ở giữa đáng tin cậy".into(),
        Problem::NoBucket { .. } => {
            "thêm `at: s3://bucket/tiền-tố`, hoặc bỏ khóa này: không có `at` thì hồ dữ liệu nằm trong thư mục dữ liệu".into()
        }
        Problem::NotOneOf { words, .. } => format!("hãy viết {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" hoặc ")),
        Problem::BadPublicKey { .. } => "khóa là một từ bắt đầu bằng `ltpub_`; nhà cung cấp xem bằng `lienthong plugin key show`".into(),
        Problem::Distrusted { .. } => "xin nhà cung cấp tệp đã ký và đặt tệp `.sig` bên cạnh, ghi khóa vào `plugins: { trust: … }` trong city.yaml, hoặc viết `unsigned: allow` ở đó".into(),
        Problem::OnInvalid { .. } => "hãy bỏ đi: bản ghi bị từ chối luôn được giữ trong khu cách ly".into(),
        Problem::WrongDomain { id, domain, .. } => match id.split_once('/') {
            Some((own, name)) => format!("chuyển sang `{own}.yaml`, hoặc đặt tên là `{domain}/{name}`"),
            None => return None,
        },
        Problem::NoPlugins { folder, exists: true, .. } => {
            format!("đã tìm trong `{}` nhưng thư mục này không có plugin nào: hãy chỉ thư mục bằng `--plugins`", shown(folder))
        }
        Problem::NoPlugins { folder, .. } => {
            format!("đã tìm trong `{}` nhưng thư mục này không tồn tại: hãy chỉ thư mục bằng `--plugins`", shown(folder))
        }
        Problem::BrokenPlugin { .. } => {
            "dựng lại bằng `lienthong plugin build`, xin nhà cung cấp bản nguyên vẹn, hoặc chuyển tệp này đi".into()
        }
        Problem::NoTransport => {
            "thêm một trong `inbox: { path: …, pattern: … }`, `webhook: {}`, `mllp: { listen: … }`, `poll: { every: … }`, hoặc `deliver: {}` nếu là sink".into()
        }
        Problem::SeveralTransports { .. } => "chỉ giữ lại một; cách nhận khác thì khai báo bộ kết nối khác".into(),
        Problem::LacksInterface { wanted, .. } => match wanted {
            Interface::Source => "dùng `inbox`, `webhook` hoặc `mllp`, hoặc chọn plugin khác".into(),
            Interface::Transform | Interface::Sink => "chọn plugin khác".into(),
            Interface::Receiver => "dùng `poll`, hoặc chọn plugin khác".into(),
        },
        Problem::PortNotEmitted { port, schema, .. } => format!("thêm `{port}: <kênh theo lược đồ {schema}>`"),
        Problem::SchemaDiffers { wanted, .. } => format!("hãy dẫn đến kênh có `schema: {wanted}`"),
        Problem::Setting { fault: SettingFault::Type(wanted), .. } if wanted == "string" => "đặt giá trị trong dấu nháy".into(),
        Problem::SettingsSchema { .. } => "yêu cầu nhà cung cấp plugin sửa lại".into(),
        Problem::HttpNotDeclared { .. } => {
            "hỏi nhà cung cấp plugin lý do; mục `[egress]` trong plugin.toml cần ghi `http = true` và lý do".into()
        }
        Problem::EgressMissing { .. } => "thêm `egress: [\"https://…\"]` với tên máy chủ của hệ thống cơ quan".into(),
        Problem::EgressUnused { .. } => "hãy bỏ `egress`".into(),
        Problem::InboxTaken { .. } => "mỗi bộ kết nối dùng một thư mục riêng".into(),
        Problem::InboxNested { .. } => "đặt các thư mục cạnh nhau, không đặt thư mục này trong thư mục kia".into(),
        Problem::UrlNotReached { .. } => "ghi máy chủ của địa chỉ này vào `egress`, hoặc sửa lại địa chỉ".into(),
        Problem::TimeNotDateTime { .. } => "hãy chỉ `time` vào thời điểm xảy ra, hoặc bỏ đi".into(),
        Problem::GrantExpired { .. } => "bỏ mục này, hoặc gia hạn thỏa thuận và đặt `until` muộn hơn".into(),
        Problem::GrantRepeated { .. } => "giữ lại một mục và ghi đủ những gì đã thỏa thuận vào đó".into(),
        Problem::NoWriteGrant { reading: Some(place), .. } => format!("thêm `write` vào `access` của mục cấp quyền ở {}", shown(place)),
        Problem::NoWriteGrant { agency, channel, reading: None } => {
            let domain = channel.domain();
            format!("thêm `- {{ agency: {agency}, channel: {channel}, access: [write], purpose: \"…\" }}` vào `grants` của {domain}.yaml")
        }
        Problem::WriteGrantExpired { .. } => "gia hạn thỏa thuận và đặt `until` muộn hơn, hoặc bỏ bộ kết nối này".into(),
        Problem::NobodyReads { .. } => "hãy cấp quyền, nếu không sẽ không ai thấy bản ghi của kênh".into(),
        Problem::NobodyWrites { .. } => "thêm bộ kết nối dẫn đến kênh này, hoặc cấp quyền với `access: [write]`".into(),
        Problem::BadBegin { .. } => "viết `first`, hoặc `now` để chỉ lấy những gì đến từ bây giờ".into(),
        Problem::NameTaken { .. } => "đặt tên khác cho tuyến".into(),
        Problem::ToEmpty => "ghi tên một kênh, hoặc một bộ kết nối có `deliver`".into(),
        Problem::KeyWithout { key, .. } => format!("hãy bỏ `{key}`"),
        Problem::PortsWithoutTransform => "viết thành danh sách: `to: [lĩnh-vực/kênh]`".into(),
        Problem::PortsNeeded { ports, .. } => {
            let each: Vec<String> = ports.iter().map(|port| format!("{port}: <kênh>")).collect();
            format!("viết `to: {{ {} }}`", each.join(", "))
        }
        Problem::TargetAmbiguous { .. } => "đặt tên khác cho bộ kết nối".into(),
        Problem::SinkOfTransform { id } => format!("ghi vào một kênh, rồi thêm tuyến từ kênh đó với `to: [{id}]`"),
        Problem::TargetNoSink { .. } => "ghi tên một bộ kết nối có `deliver`, dùng plugin loại sink".into(),
        Problem::RouteNeedsGrant { other: Some(place), write, .. } => {
            format!("thêm `{}` vào `access` của mục cấp quyền ở {}", if *write { "write" } else { "read" }, shown(place))
        }
        Problem::RouteNeedsGrant { agency, channel, write, other: None } => {
            let (domain, access) = (channel.domain(), if *write { "write" } else { "read" });
            format!("thêm `- {{ agency: {agency}, channel: {channel}, access: [{access}], purpose: \"…\" }}` vào `grants` của {domain}.yaml")
        }
        Problem::RouteGrantExpired { .. } => "gia hạn thỏa thuận và đặt `until` muộn hơn, hoặc bỏ tuyến này".into(),
        Problem::RouteLoop { .. } => "hãy cho một trong các tuyến này dẫn đi nơi khác".into(),
        Problem::SinkUnfed { connector } => format!("thêm tuyến có `to: [{connector}]`, hoặc bỏ bộ kết nối này"),
        Problem::SchemaFileName { .. } => "đặt tên là `schemas/<lĩnh vực>/<tên>.v<N>.json`".into(),
        Problem::SchemaKeyword { .. } => "bỏ đi, hoặc đặt tên ghi chú của riêng bạn bắt đầu bằng `x-`".into(),
        Problem::SchemaBuiltIn { .. } => "đặt tên hoặc số phiên bản khác cho lược đồ của bạn, và bỏ tệp này".into(),
        _ => return None,
    })
}
