package store

import (
	"path/filepath"
	"syscall"
)

// networkFilesystem names the network filesystem a path lies on, "" for a local or unknown one. The numbers are
// those of statfs(2).
func networkFilesystem(path string) string {
	var s syscall.Statfs_t
	if syscall.Statfs(filepath.Dir(path), &s) != nil {
		return ""
	}
	return map[uint32]string{
		0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x01021997: "9p", 0x5346414f: "AFS", 0x00c36400: "Ceph",
	}[uint32(s.Type)]
}
