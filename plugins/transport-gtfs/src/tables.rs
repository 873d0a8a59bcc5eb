//! The four files that are read, by the GTFS Schedule reference. Names are GTFS's own.

use lienthong_sdk::table;

use crate::value;

table! {
    /// A place where vehicles stop, or a part of one.
    Stop, "stops.txt" => "stops", required ["stop_id"] {
        stop_id: &'r str = id,
        stop_code: Option<&'r str> = short,
        stop_name: Option<&'r str> = text,
        tts_stop_name: Option<&'r str> = text,
        stop_desc: Option<&'r str> = description,
        stop_lat: Option<f64> = latitude,
        stop_lon: Option<f64> = longitude,
        zone_id: Option<&'r str> = short,
        stop_url: Option<&'r str> = text,
        location_type: Option<u32> = code_to_4,
        parent_station: Option<&'r str> = short,
        stop_timezone: Option<&'r str> = timezone,
        wheelchair_boarding: Option<u32> = code_to_2,
        level_id: Option<&'r str> = short,
        platform_code: Option<&'r str> = short,
    } made {}
}

table! {
    /// A line of the timetable.
    Route, "routes.txt" => "routes", required ["route_id", "route_type"] {
        route_id: &'r str = id,
        agency_id: Option<&'r str> = short,
        route_short_name: Option<&'r str> = short,
        route_long_name: Option<&'r str> = text,
        route_desc: Option<&'r str> = description,
        route_type: u32 = vehicle,
        route_url: Option<&'r str> = text,
        route_color: Option<&'r str> = color,
        route_text_color: Option<&'r str> = color,
        route_sort_order: Option<u32> = count,
        continuous_pickup: Option<u32> = code_to_3,
        continuous_drop_off: Option<u32> = code_to_3,
        network_id: Option<&'r str> = short,
    } made {}
}

table! {
    /// One journey along a route.
    Trip, "trips.txt" => "trips", required ["route_id", "service_id", "trip_id"] {
        route_id: &'r str = id,
        service_id: &'r str = id,
        trip_id: &'r str = id,
        trip_headsign: Option<&'r str> = text,
        trip_short_name: Option<&'r str> = short,
        direction_id: Option<u32> = code_to_1,
        block_id: Option<&'r str> = short,
        shape_id: Option<&'r str> = short,
        wheelchair_accessible: Option<u32> = code_to_2,
        bikes_allowed: Option<u32> = code_to_2,
        cars_allowed: Option<u32> = code_to_2,
    } made {}
}

table! {
    /// A trip's halt at a stop.
    StopTime, "stop_times.txt" => "stop-times", required ["trip_id", "stop_sequence"] {
        trip_id: &'r str = id,
        arrival_time: Option<String> = time,
        departure_time: Option<String> = time,
        stop_id: Option<&'r str> = short,
        location_group_id: Option<&'r str> = short,
        location_id: Option<&'r str> = short,
        stop_sequence: u32 = required_count,
        stop_headsign: Option<&'r str> = text,
        start_pickup_drop_off_window: Option<String> = time,
        end_pickup_drop_off_window: Option<String> = time,
        pickup_type: Option<u32> = code_to_3,
        drop_off_type: Option<u32> = code_to_3,
        continuous_pickup: Option<u32> = code_to_3,
        continuous_drop_off: Option<u32> = code_to_3,
        shape_dist_traveled: Option<f64> = distance,
        timepoint: Option<u32> = code_to_1,
    } made {
        arrival_seconds: Option<u32> = arrival_time.as_deref().and_then(value::seconds),
        departure_seconds: Option<u32> = departure_time.as_deref().and_then(value::seconds),
    }
}
