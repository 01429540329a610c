// Where the program starts. SwiftPM renames a host program's `main` to `<module>_main` at link time.
#if hasFeature(Embedded)
  @_cdecl("main")
#else
  @_cdecl("microagentd_main")
#endif
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  0
}
