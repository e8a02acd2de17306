# modeld_room(<target> PATH <directory> SOURCES <files> [PUBLIC <targets>] [PRIVATE <targets>])
#
# A room is a static library whose headers are reachable only by linking it: its include directory is a view that
# holds nothing but a link to the room's own folder. An #include that the dependency table (docs/architecture.md)
# does not allow is therefore a compile error, not a matter of discipline.
function(modeld_room target)
  cmake_parse_arguments(ARG "" "PATH" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${target} STATIC ${ARG_SOURCES})
  modeld_room_view(${target} ${ARG_PATH} PUBLIC)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# Gives `target` the view of one folder.
function(modeld_room_view target path scope)
  string(REPLACE "/" "_" key ${path})
  set(view "${CMAKE_BINARY_DIR}/rooms/${key}")
  get_filename_component(parent ${path} DIRECTORY)
  file(MAKE_DIRECTORY "${view}/${parent}")
  set(source "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/../..")
  file(CREATE_LINK "${source}/${path}" "${view}/${path}" SYMBOLIC)
  target_include_directories(${target} ${scope} "$<BUILD_INTERFACE:${view}>")
endfunction()
